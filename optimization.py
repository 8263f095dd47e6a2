# SPDX-License-Identifier: Apache-2.0
"""AdamW and LAMB with warm-up and decay: one training operation for all.

Both optimizers take the ALBERT release's steps: no bias correction, decoupled
weight decay, slots that checkpoint as `<variable>/adam_m` and
`<variable>/adam_v`. Being tf.train.Optimizers they run under distribution
strategies and inside CrossShardOptimizer.
"""

import collections
import functools
import re

import tensorflow.compat.v1 as tf

from ops import replicas

# Neither decayed nor, by LAMB, rescaled; found anywhere in a variable's name.
EXCLUDED = ("LayerNorm", "layer_norm", "bias")
CLIP_NORM = 1.0
WEIGHT_DECAY = 0.01  # Per unit of learning rate.

FIRST_LOSS_SCALE = 2.0**15
LOSS_SCALE_PATIENCE = 2000

# `operation` makes the update and counts global_step; `norm` is the global norm
# of the gradients before clipping.
Update = collections.namedtuple(
  "Update", ["operation", "learning_rate", "norm"]
)

# One replica's gradients: a dense sum per variable, and which of them came as
# rows looked up in a table. The squares of such rows are summed separately,
# because the release's norm counts a row as often as it was looked up (a word
# that occurs twice counts twice). The dense sum is what is applied, to all
# rows, because every row's moments decay at every update.
Gradients = collections.namedtuple(
  "Gradients", ["variables", "sums", "looked_up", "squares"]
)


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
):
  """Returns the operation that makes one update, as in the ALBERT release.

  Adds loss, learning rate and gradient norm to the graph's summaries, but not
  on a TPU. See `create_update` for the arguments.
  """
  update = create_update(
    loss,
    init_lr,
    num_train_steps,
    num_warmup_steps,
    use_tpu,
    optimizer,
    poly_power,
    start_warmup_step,
    colocate_gradients_with_ops,
    excluded_tvars,
  )
  if not use_tpu:
    tf.summary.scalar("loss", loss)
    tf.summary.scalar("learning_rate", update.learning_rate)
    tf.summary.scalar("global_norm", update.norm)
  return update.operation


def create_update(
  loss,
  init_lr,
  num_train_steps,
  num_warmup_steps,
  use_tpu=False,
  optimizer="adamw",
  poly_power=1.0,
  start_warmup_step=0,
  colocate_gradients_with_ops=False,
  excluded_tvars=None,
  num_accumulation_steps=1,
  loss_scaling=False,
):
  """Returns the Update of a loss.

  Args:
    loss: scalar tensor, a mean over the batch.
    init_lr: peak learning rate.
    num_train_steps: updates until the rate is 0.
    num_warmup_steps: updates in which the rate rises from 0; 0 for none.
    use_tpu: averages gradients over the cores.
    optimizer: "adamw" or "lamb".
    poly_power: power of the polynomial decay.
    start_warmup_step: update at which warm-up starts.
    colocate_gradients_with_ops: as in tf.gradients.
    excluded_tvars: names of variables that are not trained.
    num_accumulation_steps: number of micro-batches whose mean gradient makes
      one update. global_step counts updates; the operation runs that many
      times per update. The update equals that of one large batch if the loss
      is a mean over equally many things in each micro-batch.
    loss_scaling: whether activations and their gradients are float16.

  Raises:
    ValueError: an unknown optimizer.
  """
  step = tf.train.get_or_create_global_step()
  schedule = num_train_steps, num_warmup_steps, poly_power, start_warmup_step
  rate = learning_rate(step, init_lr, *schedule)
  opt = _find_optimizer(optimizer)(
    rate, weight_decay_rate=WEIGHT_DECAY, exclude_from_weight_decay=EXCLUDED
  )
  scale = LossScale() if loss_scaling else None
  scaled = loss * scale.value if scale else loss
  if use_tpu:  # compute_gradients knows only the replicas of a strategy.
    scaled /= replicas.count()
  pairs = opt.compute_gradients(
    scaled,
    _variables_except(excluded_tvars or ()),
    colocate_gradients_with_ops=colocate_gradients_with_ops,
  )
  gradients = _gradients([(g, v) for g, v in pairs if g is not None])
  if scale:
    gradients = _divided(gradients, scale.value)
  train_op, norm = _update(opt, gradients, step, num_accumulation_steps, scale)
  return Update(train_op, rate, norm)


def _variables_except(names):
  """Returns the trainable variables without those of these names."""
  names = {name.split(":")[0] for name in names}
  variables = tf.trainable_variables()
  return [v for v in variables if v.name.split(":")[0] not in names]


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


def _find_optimizer(name):
  optimizers = {"adamw": AdamWeightDecayOptimizer, "lamb": LAMBOptimizer}
  if name not in optimizers:
    raise ValueError("optimizer is %r, expected adamw or lamb" % name)
  return optimizers[name]


def _gradients(pairs):
  """The Gradients of (gradient, variable) pairs."""
  looked_up = [isinstance(g, tf.IndexedSlices) for g, _ in pairs]
  return Gradients(
    [v for _, v in pairs],
    [_dense(g, v) for g, v in pairs],
    looked_up,
    _square_norm([g.values for (g, _), rows in zip(pairs, looked_up) if rows]),
  )


def _dense(gradient, variable):
  """A gradient as a tensor whose shape does not hang on the batch's.

  TensorFlow 1.15, which packs the gradients of several machines together,
  dies of any other.
  """
  if not isinstance(gradient, tf.IndexedSlices):
    return gradient
  rows, *row = variable.shape.as_list()
  return tf.math.unsorted_segment_sum(
    tf.reshape(gradient.values, [-1] + row),
    tf.reshape(gradient.indices, [-1]),
    rows,
  )


def _divided(gradients, number):
  """The Gradients of a loss divided by a number."""
  return gradients._replace(
    sums=[g / number for g in gradients.sums],
    squares=gradients.squares / number**2,
  )


def _square_norm(tensors):
  """The sum of all their squares, 0 for none."""
  return tf.square(tf.global_norm(tensors or [0.0], name="norm"))


def _update(opt, gradients, step, count, scale):
  """Updates the variables at every `count`-th run, if nothing overflowed.

  Returns:
    (operation, global norm of the last update's gradients before clipping).
  """
  full = tf.constant(True)
  if count > 1:
    gradients, full = _accumulated(gradients, count)

  def on_all_replicas(strategy, sums, squares, full):
    opt.make_slots(gradients.variables)

    def update():
      return _reduce_and_clip(
        strategy,
        gradients._replace(sums=sums, squares=squares),
        functools.partial(opt.update, strategy, gradients.variables, step),
      )

    if count == 1:
      return update()
    return tf.cond(_here(strategy, full), update, lambda: tf.constant(0.0))

  norm = tf.distribute.get_replica_context().merge_call(
    on_all_replicas, args=(gradients.sums, gradients.squares, full)
  )
  train_op = tf.group(norm)
  if scale:
    train_op = scale.adapt(tf.is_finite(norm), full)
  if count > 1:
    last = _local("accumulated_norm", [])
    norm = last.assign(tf.where(full, norm, last.read_value()))
    norm = tf.convert_to_tensor(norm)
    train_op = tf.group(train_op, norm)
  return train_op, norm


def _reduce_and_clip(strategy, gradients, write):
  """Adds the replicas' gradients up, clips the sum, calls write(sums, factor).

  Args:
    strategy: the tf.distribute strategy, in cross-replica context.
    gradients: Gradients, of which all but the variables are one a replica.
    write: function of the sums and what to multiply them by; not called
      where they are not finite, so that no checkpoint is spoilt.

  Returns:
    The norm, once all is written.
  """
  *sums, squares = replicas.add_up(
    strategy,
    gradients.sums + [gradients.squares],
    gradients.variables + gradients.variables[:1],
  )
  own = [
    _here(strategy, g)
    for g, looked_up in zip(sums, gradients.looked_up)
    if not looked_up
  ]
  norm = tf.sqrt(_square_norm(own) + _here(strategy, squares))
  factor = CLIP_NORM * tf.minimum(1.0 / norm, 1.0 / CLIP_NORM)
  written = tf.cond(tf.is_finite(norm), lambda: write(sums, factor), tf.no_op)
  with tf.control_dependencies([written]):
    return tf.identity(norm)


def _here(strategy, value):
  """This process's first copy of a value that replicas have."""
  return strategy.experimental_local_results(value)[0]


def _accumulated(gradients, count):
  """Adds gradients up over runs.

  The sums are local variables, which no checkpoint holds: a run is saved when
  global_step has just changed, and then they begin anew.

  Returns:
    (Gradients of the mean of `count` batches, whether they are complete).
  """
  seen = _local("accumulated_batches", [])
  before = seen.read_value()

  def add(name, x):
    so_far = _local(name, x.shape)
    begun = tf.where(before > 0.0, so_far.read_value() + x, x)
    return tf.convert_to_tensor(so_far.assign(begun))

  with tf.control_dependencies([before]):
    gradients = gradients._replace(
      sums=[add("accumulated_%d" % i, g) for i, g in enumerate(gradients.sums)],
      squares=add("accumulated_squares", gradients.squares),
    )
    full = before + 1.0 >= count
    after = seen.assign(tf.where(full, 0.0, before + 1.0))
  with tf.control_dependencies([after]):
    return _divided(gradients, count), tf.identity(full)


def _local(name, shape, value=0.0):
  """A float32 variable of this replica alone, which no checkpoint holds."""
  return tf.get_variable(
    name,
    shape,
    tf.float32,
    initializer=tf.constant_initializer(value),
    trainable=False,
    collections=[tf.GraphKeys.LOCAL_VARIABLES],
    use_resource=True,
    synchronization=tf.VariableSynchronization.ON_READ,
    aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
  )


class LossScale:
  """Keeps float16 gradients out of underflow (arXiv 1710.03740).

  The loss is multiplied by `value`, and gradients are divided by it. It is
  doubled after LOSS_SCALE_PATIENCE updates in a row without overflow and
  halved by one with, which is then skipped. Begins anew in each process, so
  that the checkpoints of all precisions are alike.
  """

  def __init__(self):
    self._scale = _local("loss_scale", [], FIRST_LOSS_SCALE)
    self._good = _local("loss_scale_good_updates", [])
    self.value = self._scale.read_value()

  def adapt(self, finite, full):
    """Returns the operation to run after an update.

    Args:
      finite: whether its gradients were all finite.
      full: whether there was an update at all.
    """
    good = self._good.read_value() + 1.0
    enough = good >= LOSS_SCALE_PATIENCE
    grown = tf.where(enough, self.value * 2.0, self.value)
    shrunk = tf.maximum(self.value / 2.0, 1.0)
    scale = tf.where(finite, grown, shrunk)
    good = tf.where(tf.logical_and(finite, ~enough), good, 0.0)
    return tf.group(
      self._scale.assign(tf.where(full, scale, self.value)),
      self._good.assign(tf.where(full, good, self._good.read_value())),
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

  def make_slots(self, variables):
    """Makes the moments of these variables, before a condition needs them."""
    with tf.init_scope():
      self._create_slots(variables)

  def update(self, strategy, variables, step, grads, factor):
    """Returns the operation that updates variables and counts a step.

    Args:
      strategy: the tf.distribute strategy, in cross-replica context.
      variables: those of make_slots.
      step: the variable global_step.
      grads: as replicas.add_up returned them.
      factor: scalar that multiplies all of them.
    """
    extended = strategy.extended
    updates = [
      extended.update(
        v, lambda v, g: self._apply_dense(g * factor, v), args=(g,)
      )
      for v, g in zip(variables, grads)
    ]
    with tf.control_dependencies(updates):
      return extended.update(step, lambda v: v.assign_add(1).op)

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
