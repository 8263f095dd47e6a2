# SPDX-License-Identifier: Apache-2.0
"""AdamW and LAMB with warm-up and decay: one training operation for all.

Both optimizers take the ALBERT release's steps: no bias correction, decoupled
weight decay, slots that checkpoint as `<variable>/adam_m` and
`<variable>/adam_v`. Being tf.train.Optimizers they run under distribution
strategies and inside CrossShardOptimizer.
"""

import re

import tensorflow.compat.v1 as tf

# Neither decayed nor, by LAMB, rescaled; found anywhere in a variable's name.
EXCLUDED = ("LayerNorm", "layer_norm", "bias")
CLIP_NORM = 1.0


def create_optimizer(
  loss,
  init_lr,
  num_train_steps,
  num_warmup_steps,
  use_tpu,
  optimizer="adamw",
  poly_power=1.0,
  start_warmup_step=0,
  colocate_gradients_with_ops=False,
  excluded_tvars=None,
  weight_decay_rate=0.01,
  num_accumulation_steps=1,
):
  """Returns the operation that makes one update and counts global_step.

  Adds to the graph's summaries the loss, the learning rate and the gradients'
  global norm before clipping (not on TPU, where summaries cannot run).

  Args:
    loss: scalar tensor, a mean over the batch.
    init_lr: peak learning rate.
    num_train_steps: updates until the rate is 0.
    num_warmup_steps: updates in which the rate rises from 0; 0 for none.
    use_tpu: average gradients over the cores.
    optimizer: "adamw" or "lamb".
    poly_power: power of the polynomial decay.
    start_warmup_step: update at which warm-up starts.
    colocate_gradients_with_ops: as in tf.gradients.
    excluded_tvars: names of variables to leave as they are.
    weight_decay_rate: decay per unit of learning rate.
    num_accumulation_steps: micro-batches whose mean gradient makes one
      update; global_step counts updates, runs of the operation are as many
      times more. Equal to one batch that many times as large where the loss
      is a mean over equally many things in each.

  Raises:
    ValueError: an unknown optimizer.
  """
  step = tf.train.get_or_create_global_step()
  rate = learning_rate(
    step,
    init_lr,
    num_train_steps,
    num_warmup_steps,
    poly_power,
    start_warmup_step,
  )
  opt = _named(optimizer)(
    rate,
    weight_decay_rate=weight_decay_rate,
    exclude_from_weight_decay=EXCLUDED,
  )
  if use_tpu:
    opt = tf.tpu.CrossShardOptimizer(opt)
  left = {name.split(":")[0] for name in excluded_tvars or ()}
  pairs = opt.compute_gradients(
    loss,
    [v for v in tf.trainable_variables() if v.op.name not in left],
    colocate_gradients_with_ops=colocate_gradients_with_ops,
  )
  pairs = [(g, v) for g, v in pairs if g is not None]
  if num_accumulation_steps > 1:
    train_op, norm = _accumulate(opt, pairs, step, num_accumulation_steps)
  else:
    train_op, norm = _clip_and_apply(
      opt, pairs, step, tf.global_norm([g for g, _ in pairs], name="norm")
    )
  if not use_tpu:
    tf.summary.scalar("loss", loss)
    tf.summary.scalar("learning_rate", rate)
    tf.summary.scalar("global_norm", norm)
  return train_op


def learning_rate(
  step,
  init_lr,
  num_train_steps,
  num_warmup_steps,
  poly_power=1.0,
  start_warmup_step=0,
):
  """Returns the rate of update `step` (the first is 0), a float32 scalar.

  Linear from 0 during warm-up, then the decay that began at step 0: the
  reference's numbers, with the small drop after the last warm-up step.
  """
  decayed = tf.train.polynomial_decay(
    tf.constant(init_lr, tf.float32),
    step,
    max(1, num_train_steps),
    end_learning_rate=0.0,
    power=poly_power,
    cycle=False,
  )
  if not num_warmup_steps:
    return decayed
  done = tf.cast(step, tf.int32) - start_warmup_step
  warm = init_lr * (tf.cast(done, tf.float32) / float(num_warmup_steps))
  return tf.where(done < num_warmup_steps, warm, decayed)


def _named(name):
  optimizers = {"adamw": AdamWeightDecayOptimizer, "lamb": LAMBOptimizer}
  if name not in optimizers:
    raise ValueError("optimizer is %r, expected adamw or lamb" % name)
  return optimizers[name]


def _clip_and_apply(opt, pairs, step, norm):
  """Returns (operation, `norm`) for gradients of that global norm.

  The norm is the release's: it counts an embedding's gradient row by row as
  looked up, a word that occurs twice twice, not their sum. The sum is what is
  applied, to all rows, because every row's moments decay at every update.
  """
  grads = [tf.convert_to_tensor(g) for g, _ in pairs]
  clipped, _ = tf.clip_by_global_norm(grads, CLIP_NORM, use_norm=norm)
  variables = [v for _, v in pairs]
  return opt.apply_gradients(zip(clipped, variables), global_step=step), norm


def _accumulate(opt, pairs, step, count):
  """Adds gradients up, and applies their mean at every `count`-th run.

  The sums are local variables, which no checkpoint holds: a run is saved
  when global_step has just changed, and then they are zero.

  Returns:
    (operation, global norm of the last update's gradients).
  """
  looked_up = [isinstance(g, tf.IndexedSlices) for g, _ in pairs]
  sums = [_local(v.op.name + "/accumulated", v.shape) for _, v in pairs]
  squares = _local("accumulated_squares", [])  # Of rows looked up, see above.
  seen = _local("accumulated_batches", [])
  last_norm = _local("accumulated_norm", [])
  rows = [g.values for g, _ in pairs if isinstance(g, tf.IndexedSlices)]
  added = [
    s.assign_add(tf.convert_to_tensor(g)) for s, (g, _) in zip(sums, pairs)
  ]
  added.append(squares.assign_add(_square_norm(rows)))
  with tf.control_dependencies(added):
    filled = seen.assign_add(1.0)

  def update():
    means = [s.read_value() / count for s in sums]
    dense = [m for m, sparse in zip(means, looked_up) if not sparse]
    norm = tf.sqrt(_square_norm(dense) + squares.read_value() / count**2)
    averaged = [(m, v) for m, (_, v) in zip(means, pairs)]
    train_op, _ = _clip_and_apply(opt, averaged, step, norm)
    with tf.control_dependencies([train_op]):
      return tf.group(
        last_norm.assign(norm),
        *[s.assign(tf.zeros_like(s)) for s in sums + [squares, seen]],
      )

  return tf.cond(filled >= count, update, tf.no_op), last_norm


def _square_norm(tensors):
  """The sum of all their squares, 0 for none."""
  return tf.square(tf.global_norm(tensors or [0.0], name="norm"))


def _local(name, shape):
  """A float32 variable of this process alone, 0 at first."""
  return tf.get_local_variable(
    name,
    shape,
    tf.float32,
    initializer=tf.zeros_initializer(),
    use_resource=True,
  )


class AdamWeightDecayOptimizer(tf.train.Optimizer):
  """Adam with decoupled weight decay (arXiv 1711.05101), not bias-corrected."""

  def __init__(
    self,
    learning_rate,
    weight_decay_rate=0.0,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-6,
    exclude_from_weight_decay=None,
    name="AdamWeightDecayOptimizer",
  ):
    """Keeps the hyperparameters.

    Args:
      learning_rate: number or scalar tensor.
      weight_decay_rate: share of a weight taken off per unit of rate.
      beta_1: decay of the mean of gradients.
      beta_2: decay of the mean of their squares.
      epsilon: added to the root of the latter.
      exclude_from_weight_decay: regular expressions, searched for in the
        names of variables that shall not decay.
      name: of the optimizer's operations.
    """
    super().__init__(use_locking=False, name=name)
    self.learning_rate = learning_rate
    self.weight_decay_rate = weight_decay_rate
    self.beta_1 = beta_1
    self.beta_2 = beta_2
    self.epsilon = epsilon
    self.exclude_from_weight_decay = exclude_from_weight_decay

  def _create_slots(self, var_list):
    for var in var_list:
      self._zeros_slot(var, "m", "adam_m")
      self._zeros_slot(var, "v", "adam_v")

  def _apply_dense(self, grad, var):
    m, v = self.get_slot(var, "m"), self.get_slot(var, "v")
    next_m = self.beta_1 * m + (1.0 - self.beta_1) * grad
    next_v = self.beta_2 * v + (1.0 - self.beta_2) * tf.square(grad)
    update = next_m / (tf.sqrt(next_v) + self.epsilon)
    if self.weight_decay_rate and not _named_in(
      self.exclude_from_weight_decay, var
    ):
      update += self.weight_decay_rate * var
    rate = self.learning_rate * self._trust_ratio(update, var)
    return tf.group(
      var.assign_sub(rate * update), m.assign(next_m), v.assign(next_v)
    )

  def _resource_apply_dense(self, grad, handle):
    return self._apply_dense(grad, handle)

  def _apply_sparse(self, grad, var):
    # Every row's moments decay, so the update is dense anyway.
    return self._apply_dense(tf.convert_to_tensor(grad), var)

  def _resource_apply_sparse(self, grad, handle, indices):
    rows = tf.shape(handle, out_type=indices.dtype)[0]
    return self._apply_dense(
      tf.math.unsorted_segment_sum(grad, indices, rows), handle
    )

  def _trust_ratio(self, update, var):
    """What the learning rate of this variable is multiplied by."""
    del update, var
    return 1.0


class LAMBOptimizer(AdamWeightDecayOptimizer):
  """Layer-wise adaptive moments for large batches (arXiv 1904.00962)."""

  def __init__(
    self,
    learning_rate,
    weight_decay_rate=0.0,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-6,
    exclude_from_weight_decay=None,
    exclude_from_layer_adaptation=None,
    name="LAMBOptimizer",
  ):
    """As AdamWeightDecayOptimizer, and one argument more.

    Args:
      learning_rate, weight_decay_rate, beta_1, beta_2, epsilon: see there.
      exclude_from_weight_decay: see there.
      exclude_from_layer_adaptation: regular expressions for variables whose
        trust ratio stays 1; None means those excluded from weight decay.
      name: of the optimizer's operations.
    """
    super().__init__(
      learning_rate,
      weight_decay_rate,
      beta_1,
      beta_2,
      epsilon,
      exclude_from_weight_decay,
      name,
    )
    if exclude_from_layer_adaptation is None:
      exclude_from_layer_adaptation = exclude_from_weight_decay
    self.exclude_from_layer_adaptation = exclude_from_layer_adaptation

  def _trust_ratio(self, update, var):
    """Norm of the weights over norm of the update; 1 where either is 0."""
    if _named_in(self.exclude_from_layer_adaptation, var):
      return 1.0
    weights, step = tf.norm(var), tf.norm(update)
    both = tf.logical_and(weights > 0.0, step > 0.0)
    return tf.where(both, weights / step, 1.0)


def _named_in(patterns, var):
  """Whether one of the regular expressions is found in the variable's name."""
  return any(re.search(p, var.op.name) for p in patterns or ())
