# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmark: every data set, model and seed; scripts/benchmark.sh is
its shell, whose --help says what each option is for.

A cell is one fine-tuned and scored model, in RESULTS/dataset/model/run/. It is
made of steps, a command each: one, but for BioASQ, whose model is trained once
and then answers each batch of questions. Nothing here imports TensorFlow.
"""

import argparse
import collections
import ctypes
import fcntl
import glob
import os
import re
import shlex
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir))

from common import errors
from common import files
from evaluation import bioasq
from formats import questions

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODELS = tuple(
  "BioALBERT-%s-%s" % (size, text)
  for size in ("base", "large")
  for text in ("PubMed", "PubMed-PMC", "PubMed-MIMIC", "PubMed-PMC-MIMIC")
)
# The figure that a cell is told by.
METRICS = {
  "run_ner.py": "f1",
  "run_re.py": "f1",
  "run_sts.py": "pearson",
  "run_nli.py": "accuracy",
  "run_dc.py": "f1",
}
QA_METRICS = {"factoid": "mrr", "list": "f1", "yesno": "macro_f1"}
# What comes before the recipe's flags. Two checkpoints: one is whole while the
# next is written, and what a thousand runs keep fills a disk.
TRAIN = ["--do_train=true", "--keep_checkpoint_max=2"]
# What comes after them. --distribution shares out training alone.
ONLY_PREDICT = ["--do_train=false", "--do_eval=false", "--do_predict=true"]
ONLY_PREDICT += ["--distribution=none"]
LENGTH = ("train_step", "num_train_epochs")  # The first of them counts.
OWN_FLAGS = {"bioalbert_dir", "data_dir", "flagfile", "folds", "output_dir"}
OWN_FLAGS |= {"seed", "train_file", "test_file", "predict_file", "golden_file"}
ANSWERS = "BioASQform_BioASQ-answer.json"
DEV_FILES = ("devel.tsv", "dev.tsv", "dev.json", "mli_dev_v1.jsonl")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PR_SET_PDEATHSIG = 1  # Of Linux's prctl.

# kind: of a BioASQ recipe factoid, list or yesno, else None.
Recipe = collections.namedtuple("Recipe", "path dataset kind program flags")
# flags: of the program; folder: its output; gold: whether there are scores to
# be had; None where the step only trains.
Step = collections.namedtuple("Step", "program flags folder gold")


# ----------------------------------------------------------------- the recipes


def read_recipe(path):
  """Returns the Recipe in a file of flags, whose first line says `# program:`.

  bioasq-4b.list.flags is a recipe of the data set bioasq-4b.
  """
  try:
    lines = files.read(path).decode("utf-8").splitlines()
  except UnicodeDecodeError as e:
    raise errors.InputError("%s: not readable (%s)" % (path, e)) from None
  first = re.fullmatch(r"# program: (run_\w+\.py)", lines[0] if lines else "")
  if not first or first[1] not in set(METRICS) | {"run_qa.py"}:
    raise errors.InputError(
      "%s, line 1: expected '# program: ' and one of %s"
      % (path, ", ".join(sorted(set(METRICS) | {"run_qa.py"})))
    )
  flags = [x.strip() for x in lines if x.strip() and x.strip()[0] != "#"]
  dataset, _, kind = os.path.basename(path)[: -len(".flags")].partition(".")
  if first[1] == "run_qa.py" and kind not in QA_METRICS:
    raise errors.InputError(
      "%s: expected %s.factoid.flags, .list.flags or .yesno.flags as its name"
      % (path, dataset)
    )
  return Recipe(path, dataset, kind or None, first[1], settings(flags, path))


def settings(flags, place):
  """Returns {name: value} of flags in the form --name=value; None: --name."""
  for flag in flags:
    if not re.match(r"--\w", flag):
      raise errors.InputError(
        "%s: found %s, expected --flag=value" % (place, errors.shorten(flag))
      )
  pairs = (flag[2:].partition("=") for flag in flags)
  return {name: value if equals else None for name, equals, value in pairs}


def read_recipes(folder):
  """Returns {data set: its Recipes} of a folder."""
  found = collections.OrderedDict()
  for path in sorted(glob.glob(os.path.join(glob.escape(folder), "*.flags"))):
    recipe = read_recipe(path)
    found.setdefault(recipe.dataset, []).append(recipe)
  if not found:
    raise errors.InputError("%s: no recipe (<data set>.flags) there" % folder)
  return found


# ------------------------------------------------------------------- the cells


class Cell:
  """One model, fine-tuned and scored on one data set, and its folder."""

  def __init__(self, recipe, model_dir, run, data_dir, seed, options):
    self.recipe = recipe
    self.model_dir = model_dir
    self.run = run
    self.data_dir = data_dir
    self.seed = seed
    self.extra = options.extra
    self.model = os.path.basename(os.path.abspath(model_dir))
    self.folder = os.path.join(
      options.results_dir, recipe.dataset, self.model, run
    )
    self.name = "%s %s %s" % (recipe.dataset, self.model, run)
    self.metric = METRICS.get(recipe.program) or QA_METRICS[recipe.kind]

  def settings(self):
    """{flag: value} of all that shapes the result but data, model and seed."""
    values, extra = dict(self.recipe.flags), settings(self.extra, "after --")
    if "dev_fraction" in values and has_dev(self.data_dir):
      del values["dev_fraction"]
    if set(LENGTH) & set(extra):  # The recipe's warm-up is for its length.
      for name in LENGTH + ("warmup_step",):
        values.pop(name, None)
    values.update(extra)
    return values

  def steps(self):
    """The Steps of the cell, in order."""
    flags = [
      "--" + name + ("" if value is None else "=" + value)
      for name, value in self.settings().items()
    ]
    start = ["--bioalbert_dir=" + self.model_dir, "--seed=%d" % self.seed]
    if self.recipe.kind:
      return self._question_steps(flags, start)
    flags = TRAIN + ["--do_eval=true", "--do_predict=true"] + flags + start
    flags += ["--data_dir=" + self.data_dir]
    return [Step(self.recipe.program, flags, self.folder, True)]

  def _question_steps(self, flags, start):
    """A training, and an answering of each batch by what was trained."""
    program = self.recipe.program
    train, tests = question_files(self.recipe, self.data_dir)
    first = TRAIN + flags + start + ["--do_predict=false"]
    first += ["--train_file=" + train]
    steps = [Step(program, first, self.folder, None)]
    for batch, (test, golden) in sorted(tests.items()):
      asked = flags + ONLY_PREDICT + ["--bioalbert_dir=" + self.folder]
      asked += ["--test_file=" + test]
      asked += ["--golden_file=" + golden] if golden else []
      folder = os.path.join(self.folder, "batch-%d" % batch)
      steps.append(Step(program, asked, folder, bool(golden)))
    return steps

  def is_done(self, step):
    """Whether a step has ended before and left what it is for."""
    if step.gold is None:
      state = read_json(os.path.join(step.folder, "training_state.json"))
      return state.get("finished") is True
    test = test_scores(step.folder)
    return self.metric in test or not step.gold and bool(test)

  def left(self):
    """The Steps that are still to be done.

    If none is, but the sweep was killed before it put the batches together,
    the last one is done again.
    """
    steps = self.steps()
    left = [step for step in steps if not self.is_done(step)]
    return left or ([] if test_scores(self.folder) else steps[-1:])

  def score(self):
    """The cell's figure, or None."""
    return test_scores(self.folder).get(self.metric)

  def put_together(self):
    """Writes results.json of a cell of several steps.

    Its "test" has the scores of the questions of all batches taken together,
    "batches" those of each.
    """
    if not self.recipe.kind:
      return
    gold, answers, batches = {}, {}, {}
    _, tests = question_files(self.recipe, self.data_dir)
    for batch, (_, golden) in sorted(tests.items()):
      folder = os.path.join(self.folder, "batch-%d" % batch)
      batches[str(batch)] = test_scores(folder)
      if golden:
        found = read_answers(os.path.join(folder, ANSWERS), submitted=True)
        gold.update(read_answers(golden, submitted=False))
        answers.update((name, answer) for name, (_, answer) in found.items())
    test = {"batches": len(batches)}
    if gold:
      test.update(bioasq.scores(gold, answers)[self.recipe.kind])
    results = {"task_name": "bioasq-" + self.recipe.kind, "test": test}
    results["batches"] = batches
    files.write_json(os.path.join(self.folder, "results.json"), results)


def has_dev(folder):
  """Returns whether a data set has a development set that is not empty."""
  paths = [os.path.join(folder, name) for name in DEV_FILES]
  return any(os.path.exists(p) and os.path.getsize(p) for p in paths)


def read_answers(path, submitted):
  """Returns {question id: (type, exact answer)} of a file."""
  return questions.parse_exact_answers(files.read(path), path, submitted)


def question_files(recipe, folder):
  """Returns (training file, {batch: (test file, golden file or None)}).

  The names are BioBERT's: BioASQ-train-factoid-4b.json,
  BioASQ-test-factoid-4b-1.json and 4B1_golden.json.
  """
  edition = recipe.dataset.rpartition("-")[2]
  train = "BioASQ-train-%s-%s.json" % (recipe.kind, edition)
  tests = {}
  for name in sorted(os.listdir(folder)):
    match = re.fullmatch(
      r"BioASQ-test-%s-%s-(\d+)\.json" % (recipe.kind, re.escape(edition)), name
    )
    if match:
      golden = os.path.join(
        folder, "%s%s_golden.json" % (edition.upper(), match[1])
      )
      tests[int(match[1])] = (
        os.path.join(folder, name),
        golden if os.path.exists(golden) else None,
      )
  return os.path.join(folder, train), tests


def parts_of(folder, folds):
  """Returns [(prefix of the run's name, folder)] of a data set: its folds.

  Args:
    folder: with the data set's files, or with a folder for each fold.
    folds: "all", or such as 1-3,7.
  """
  if os.path.exists(os.path.join(folder, "train.tsv")):
    return [("", folder)]
  found = sorted(
    int(name)
    for name in os.listdir(folder)
    if name.isdigit() and os.path.isdir(os.path.join(folder, name))
  )
  if not found:
    return [("", folder)]
  wanted = found if folds == "all" else numbers(folds, "--folds")
  return [
    ("fold-%d-" % fold, os.path.join(folder, str(fold)))
    for fold in wanted
    if fold in found
  ]


def numbers(text, flag):
  """Returns the numbers of a list: "1-3,7" -> [1, 2, 3, 7]."""
  found = []
  for part in text.replace(",", " ").split():
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
    if not match:
      raise errors.InputError(
        "%s=%s: expected numbers such as 1,2,3 or 1-10" % (flag, text)
      )
    found += range(int(match[1]), int(match[2] or match[1]) + 1)
  if not found:
    raise errors.InputError("%s=%s: expected a number" % (flag, text))
  return sorted(set(found))


def lack_of(recipe, folder):
  """Returns what a data set lacks for a recipe, or None."""
  if not os.path.isdir(folder):
    return "%s: no such folder" % folder
  if recipe.kind:
    train, tests = question_files(recipe, folder)
    if not os.path.exists(train):
      return "%s: no such file" % train
    if not tests:
      return "%s: no BioASQ-test-%s-*.json" % (folder, recipe.kind)
  elif not os.listdir(folder):
    return "%s: an empty folder" % folder
  return None


def plan(options):
  """Returns ([Cell], [why a data set is left out])."""
  cells, missing = [], []
  for recipe in options.recipes:
    folder = os.path.join(options.data_dir, recipe.dataset)
    lack = lack_of(recipe, folder)
    if lack is None:
      parts = parts_of(folder, options.folds)
      if not parts:
        lack = "%s: no fold of %s" % (folder, options.folds)
    if lack:
      missing.append(lack)
      continue
    cells += [
      Cell(recipe, model, run_name(recipe, prefix, seed), part, seed, options)
      for model in options.models
      for prefix, part in parts
      for seed in options.seeds
    ]
  return cells, list(dict.fromkeys(missing))


def run_name(recipe, prefix, seed):
  """Returns seed-1, fold-3-seed-1 or factoid-seed-1."""
  kind = recipe.kind + "-" if recipe.kind else ""
  return "%s%sseed-%d" % (kind, prefix, seed)


# ------------------------------------------------------------------- the files


def read_json(path):
  """Returns the dict in a file; {} without one, or where it is not whole."""
  try:
    return files.read_json(path, {})
  except errors.InputError:
    return {}


def test_scores(folder):
  """Returns the part on the test set of a folder's results.json."""
  test = read_json(os.path.join(folder, "results.json")).get("test")
  return test if isinstance(test, dict) else {}


def last_line(path):
  """Returns the last line of a log that is not empty."""
  with open(path, "rb") as f:
    f.seek(max(0, os.path.getsize(path) - 10000))
    lines = re.split(r"[\r\n]+", f.read().decode("utf-8", "replace"))
  return next((x.strip() for x in reversed(lines) if x.strip()), "nothing said")


def lock(path, wait=False):
  """Returns a handle that holds a lock; None where another process has it.

  Whoever inherits the handle holds the lock too, until all have ended, in
  whichever way: so there is no stale lock. A file, as NFS locks no folder.
  """
  handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
  try:
    fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
  except BlockingIOError:
    os.close(handle)
    return None
  return handle


# ------------------------------------------------------------------- the sweep


class Stopped(BaseException):
  """A signal asked for the end; no run may go on without its sweep."""


def catch_signals():
  """Has signals raise Stopped; those that nohup and & ignore stay ignored."""
  for number in SIGNALS:
    if signal.getsignal(number) != signal.SIG_IGN:
      signal.signal(number, _stop)


def _stop(number, frame):
  del frame
  for other in SIGNALS:  # A second Ctrl-C must not break off the clearing up.
    signal.signal(other, signal.SIG_IGN)
  raise Stopped(number)


def die_with_parent():
  """In a child: has Linux end it when the sweep ends, by kill -9 too."""
  try:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
  except AttributeError:
    pass  # No Linux: its lock keeps the next sweep out until it ends.


def command(python, step):
  """Returns the command of a step."""
  program = os.path.join(REPO, step.program)
  return [python, program, *step.flags, "--output_dir=" + step.folder]


class Running:
  """A cell at work: the process of one step after the other."""

  def __init__(self, cell, handle, python, device):
    self.cell = cell
    self.begin = time.time()
    self.log = os.path.join(cell.folder, "log.txt")
    self.device = device
    self._handle = handle
    self._python = python
    self._left = cell.left()
    self._before = read_json(self._path()).get("seconds", 0)
    self.write("running")
    self._next()

  def _path(self):
    return os.path.join(self.cell.folder, "run.json")

  def seconds(self):
    """Time spent on the cell, by earlier sweeps too."""
    return self._before + time.time() - self.begin

  def write(self, status):
    """Writes run.json: what the cell is, and how far it came."""
    cell = self.cell
    files.write_json(
      self._path(),
      {
        "dataset": cell.recipe.dataset,
        "model": cell.model,
        "run": cell.run,
        "program": cell.recipe.program,
        "metric": cell.metric,
        "seed": cell.seed,
        "data_dir": cell.data_dir,
        "model_dir": cell.model_dir,
        "flags": cell.settings(),
        "status": status,
        "seconds": round(self.seconds(), 1),
      },
    )

  def _next(self):
    """Starts the next step."""
    words = command(self._python, self._left.pop(0))
    environment = dict(os.environ)
    if self.device is not None:
      environment["CUDA_VISIBLE_DEVICES"] = self.device
    with open(self.log, "ab") as f:
      f.write(("$ %s\n" % quoted(words)).encode("utf-8"))
      f.flush()
      self.process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=f,
        stderr=subprocess.STDOUT,
        env=environment,
        pass_fds=[self._handle],
        preexec_fn=die_with_parent,
        start_new_session=True,
      )

  def poll(self):
    """Returns None while at work, then "done" or what went wrong."""
    code = self.process.poll()
    if code is None:
      return None
    if code == 0 and self._left:
      self._next()
      return None
    return self._outcome(code)

  def _outcome(self, code):
    try:
      if code == 0:
        self.cell.put_together()
      results = read_json(os.path.join(self.cell.folder, "results.json"))
      if code == 0 and "test" in results:
        return "done"
    except (OSError, errors.InputError) as e:
      return str(e)
    if code == 0:
      return "%s: no test scores in results.json" % self.cell.folder
    return "%s (exit code %d, %s)" % (last_line(self.log), code, self.log)

  def stop(self):
    """Ends the process and all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
      try:
        os.killpg(self.process.pid, number)
        self.process.wait(10)
      except (OSError, subprocess.TimeoutExpired):
        pass

  def close(self):
    """Frees the lock."""
    os.close(self._handle)


def quoted(words):
  """Returns a command as it is typed."""
  return " ".join(map(shlex.quote, words))


class Sweep:
  """Runs cells, several at a time, and counts what became of them."""

  def __init__(self, cells, options):
    self.cells = cells
    self.options = options
    self.counts = collections.Counter()
    self._running = []
    devices = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    self._devices = devices if len(devices) > 1 else []

  def tell(self, outcome, cell, text):
    """Prints a line on a cell that is through."""
    self.counts[outcome] += 1
    place = "[%d/%d]" % (sum(self.counts.values()), len(self.cells))
    print(place, "%-7s %s: %s" % (outcome, cell.name, text), flush=True)

  def run(self):
    """Runs all cells; ends those at work when it is stopped itself."""
    waiting = collections.deque(self.cells)
    try:
      while waiting or self._running:
        while waiting and len(self._running) < self.options.jobs:
          self._start(waiting.popleft())
        for work in list(self._running):
          self._look_at(work)
        if self._running:
          time.sleep(0.1)
    finally:
      for work in self._running:
        work.stop()
      for work in self._running:
        work.write("stopped")

  def _start(self, cell):
    if self._is_through(cell):
      return
    os.makedirs(cell.folder, exist_ok=True)
    handle = lock(os.path.join(cell.folder, ".lock"))
    if handle is None:
      self.tell("busy", cell, "another process is at work on it")
    elif self._is_through(cell):  # Another sweep was quicker.
      os.close(handle)
    else:
      self._running.append(
        Running(cell, handle, self.options.python, self._free_device())
      )

  def _is_through(self, cell):
    """Whether there is nothing to do on a cell; tells why."""
    left = cell.left()
    if len(left) == len(cell.steps()):
      return False
    before = read_json(os.path.join(cell.folder, "run.json")).get("flags")
    differing = differences(before, cell.settings()) if before else ""
    if differing:
      text = "%s was made with %s; expected the same, or another --results_dir"
      self.tell("failed", cell, text % (cell.folder, differing))
    elif not left:
      self.tell("skipped", cell, figure(cell) + ", finished before")
    return bool(differing or not left)

  def _free_device(self):
    """The GPU that the fewest of the cells at work have, or None."""
    if self.options.jobs == 1 or not self._devices:
      return None
    taken = [work.device for work in self._running]
    return min(self._devices, key=taken.count)

  def _look_at(self, work):
    outcome = work.poll()
    if outcome is None:
      return
    done = outcome == "done"
    self._running.remove(work)
    work.write("done" if done else "failed")
    work.close()
    if done:
      outcome = "%s, %.0f s" % (figure(work.cell), work.seconds())
    self.tell("done" if done else "failed", work.cell, outcome)


def differences(before, now):
  """Returns "train_step 5, now 10" of flags that differ, or ""."""
  return ", ".join(
    "%s %s, now %s" % (name, before.get(name, "none"), now.get(name, "none"))
    for name in sorted(set(before) | set(now))
    if before.get(name) != now.get(name)
  )


def figure(cell):
  """Returns "f1 0.8452"."""
  score = cell.score()
  if score is None:
    return "no scores, as the test set has no labels"
  return "%s %.4f" % (cell.metric, score)


# ----------------------------------------------------------------- the program


class Parser(argparse.ArgumentParser):
  """Ends in one line, code 1."""

  def error(self, message):
    sys.exit("error: %s; --help lists all options" % message)


def parse_arguments(argv):
  """Returns the options; what is after -- goes to every run."""
  argv, extra = list(argv), []
  if "--" in argv:
    at = argv.index("--")
    argv, extra = argv[:at], argv[at + 1 :]
  parser = Parser(description=__doc__, allow_abbrev=False)
  parser.add_argument("--datasets", nargs="+", default=["all"])
  parser.add_argument("--models", nargs="+", default=["all"])
  parser.add_argument("--seeds", default="1")
  parser.add_argument("--folds", default="all")
  parser.add_argument("--data_dir", default="data")
  parser.add_argument("--weights_dir", default="weights")
  parser.add_argument("--results_dir", default="results")
  parser.add_argument(
    "--recipes", default=os.path.join(REPO, "configs", "recipes")
  )
  parser.add_argument("--jobs", type=int, default=1)
  parser.add_argument("--python", default=sys.executable)
  parser.add_argument("--dry_run", action="store_true")
  parser.add_argument("--count", action="store_true")
  parser.add_argument("--cell")
  parser.add_argument("--report", action="store_true")
  options = parser.parse_args(argv)
  options.extra = extra
  return options


def settle(options):
  """Puts recipes, models and numbers in place of their names."""
  options.seeds = numbers(options.seeds, "--seeds")
  if options.folds != "all":
    numbers(options.folds, "--folds")
  if options.jobs < 1:
    raise errors.InputError("--jobs=%d: expected at least 1" % options.jobs)
  own = OWN_FLAGS & set(settings(options.extra, "after --"))
  if own:
    raise errors.InputError(
      "--%s after --: is set for each run by the sweep itself" % min(own)
    )
  known = read_recipes(options.recipes)
  options.recipes = [
    r for x in chosen(options.datasets, known) for r in known[x]
  ]
  options.models = find_models(options.models, options.weights_dir)


def chosen(words, known):
  """Returns the data sets that are asked for, each once."""
  names = [name for word in words for name in re.split(r"[,\s]+", word) if name]
  if names == ["all"]:
    return list(known)
  for name in names:
    if name not in known:
      raise errors.InputError(
        "--datasets: found %s, expected all or some of %s"
        % (errors.shorten(name), ", ".join(known))
      )
  return list(dict.fromkeys(names))


def find_models(names, weights_dir):
  """Returns the folders of models: paths, or names in --weights_dir.

  "all" are those of the eight published ones that are there.
  """
  if names == ["all"]:
    published = [os.path.join(weights_dir, name) for name in MODELS]
    found = [folder for folder in published if os.path.isdir(folder)]
    if not found:
      raise errors.InputError(
        "%s: found none of %s there; --models names other folders"
        % (weights_dir, ", ".join(MODELS))
      )
    return found
  folders = collections.OrderedDict()
  for folder in (find_model(name, weights_dir) for name in names):
    name = os.path.basename(os.path.abspath(folder))
    known = folders.setdefault(name, folder)
    if os.path.realpath(known) != os.path.realpath(folder):
      raise errors.InputError(
        "--models: %s and %s have the same name, by which results are kept; "
        "expected different ones" % (known, folder)
      )
  return list(folders.values())


def find_model(name, weights_dir):
  """Returns the folder of a model that is given by its path or its name."""
  for folder in (name, os.path.join(weights_dir, name)):
    if os.path.isdir(folder):
      return folder
  raise errors.InputError(
    "--models: %s: no such folder, nor in %s" % (name, weights_dir)
  )


def pick(cells, text):
  """Returns the one Cell that --cell=INDEX/COUNT names."""
  match = re.fullmatch(r"(\d+)/(\d+)", text)
  if not match or int(match[1]) >= int(match[2]):
    raise errors.InputError("--cell=%s: expected such as 0/24" % text)
  if int(match[2]) != len(cells):
    raise errors.InputError(
      "--cell=%s: there are %d cells now: data or models came or went since "
      "the job was submitted; submit it again" % (text, len(cells))
    )
  return [cells[int(match[1])]]


def show(cells, missing, options):
  """Prints the commands that would run."""
  for cell in cells:
    left = cell.left()
    if not left:
      print("# finished before: %s" % cell.name)
    for step in left:
      print(quoted(command(options.python, step)))
  for lack in missing:
    print("# missing data: %s" % lack)


def report(options):
  """Has the table of all results made; returns whether it was."""
  program = os.path.join(REPO, "scripts", "report.py")
  os.makedirs(options.results_dir, exist_ok=True)
  handle = lock(os.path.join(options.results_dir, ".lock"), wait=True)
  try:
    code = subprocess.call([options.python, program, options.results_dir])
  finally:
    os.close(handle)
  if code:
    print("the report could not be made (exit code %d)" % code)
  return code == 0


def sweep(cells, missing, options):
  """Runs the cells, tells what became of them; returns the exit code."""
  for lack in missing:
    print("missing data: %s" % lack)
  work = Sweep(cells, options)
  work.run()
  counts = ", ".join(
    "%d %s" % (work.counts[x], x) for x in ("done", "skipped", "failed", "busy")
  )
  print("%s, %d without data" % (counts, len(missing)), flush=True)
  made = options.cell is not None or not cells or report(options)
  return 0 if cells and made and not work.counts["failed"] else 1


def main():
  """Runs the sweep that the command line asks for."""
  options = parse_arguments(sys.argv[1:])
  catch_signals()
  try:
    if options.report:
      sys.exit(0 if report(options) else 1)
    settle(options)
    cells, missing = plan(options)
    if options.count:
      print(len(cells))
    elif options.dry_run:
      show(cells, missing, options)
    else:
      cells = pick(cells, options.cell) if options.cell else cells
      sys.exit(sweep(cells, missing, options))
  except (OSError, errors.InputError) as e:
    sys.exit("error: %s" % " ".join(str(e).split()))
  except Stopped as e:
    print("stopped; the same command goes on where it was")
    sys.exit(128 + e.args[0])


if __name__ == "__main__":
  main()
