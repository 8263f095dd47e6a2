# SPDX-License-Identifier: Apache-2.0
"""A corpus of one's own, from an annotation tool, for run_ner.py or run_re.py.

For relations, a row is a pair of mentions in a sentence, marked by their types;
a sentence that ends within a mention is joined with the next one. Only types
that the corpus relates somewhere make pairs. Unrelated pairs are NEGATIVE.
"""

import collections
import itertools
import re
import shlex

from common import data_sets
from common.errors import InputError
from common.errors import first_five
from converters.shared import corpus
from converters.shared import examples
from converters.shared import folders
from converters.shared import marking
from converters.shared import splits
from converters.shared import tagging
from converters.shared import writers
from formats import documents

NAME = "own"
NEGATIVE = "false"
PUBLISHED = corpus.Published({}, "nobody")
# The fields are the flags of that name. types: None for all. Fractions: None
# for _SHARE if nothing says a split, else for 0.
Choices = collections.namedtuple(
  "Choices", "input_format task types test_fraction dev_fraction seed"
)
DEFAULTS = Choices("auto", "ner", None, None, None, 12345)
_SHARE = 0.1  # Of the documents, for test and for dev.
_LAYOUTS = {"ner": "biobert", "re": "blue"}
_UNNAMED = "related"  # Label of a relation without a type.
_ALONE = (
  "There is one document in all, so its sentences were drawn one by one: "
  "-DOCSTART- lines or a file for each document keep documents whole."
)


def data_set(task):
  """Returns a DataSet for the report."""
  about = data_sets.TASKS[task.upper()]
  empty = dict.fromkeys(data_sets.DataSet._fields, "")
  return data_sets.DataSet(**empty)._replace(
    name=NAME,
    task=task.upper(),
    title="your own corpus, " + about.title,
    input_files="annotated documents",
    layouts=(_LAYOUTS[task],),
  )


def next_command(task, names, folder):
  """Returns the command that trains on the files of these names in a folder."""
  parts = ["python run_%s.py" % task]
  if task == "re":
    parts.append("--task_name=generic --negative_label=%s" % NEGATIVE)
  if {writers.NAMES["dev"], writers.NER_NAMES["dev"]} & set(names):
    parts.append("--do_eval")
  parts.append("--data_dir=%s --output_dir=output/own" % shlex.quote(folder))
  return " ".join(parts + ["--bioalbert_dir=models/bioalbert-small"])


def convert(source, options, report):
  """Returns the tagged sentences, or the rows of pairs, of each split."""
  choices = options.own
  input_format, found = folders.read(source, choices.input_format, report)
  if input_format == "conll" and choices.task == "re":
    raise InputError(
      "%s: found CoNLL, which has no relations, expected brat, BioC or "
      "PubTator with --task=re" % source.folder
    )
  divided = _divide(found, choices, source.folder, report)
  types = _wanted_types(divided, choices.types, source.folder)
  if choices.task == "re":
    return _all_rows(divided, types, source.folder, report)
  if input_format == "conll":
    return {
      split: [
        _tagged(group, sentence, types)
        for group in groups
        for sentence in group.members
      ]
      for split, groups in divided.items()
    }
  return tagging.tag_all(divided, report, {x: x for x in types}, typed=True)


def write(found, options):
  """Returns {file name: text}; see `writers`."""
  if options.own.task == "re":
    return writers.labelled_sentences(found, options)
  return writers.conll(found, options)


def _divide(found, choices, folder, report):
  """Returns {split: documents}, of which those that are not there are drawn.

  Without any split, test and dev are drawn by default.
  """
  shares = {"test": choices.test_fraction, "dev": choices.dev_fraction}
  for split, share in shares.items():
    if split in found and share is not None:
      raise InputError(
        "--%s_fraction=%s: %s has a %s set of its own; expected no such flag"
        % (split, share, folder, split)
      )
  if None in found:
    shares = {s: _SHARE if x is None else x for s, x in shares.items()}
  elif "train" not in found:
    raise InputError(
      "%s: found %s, expected a training set too (a folder or a file named "
      "train)" % (folder, " and ".join(sorted(found)))
    )
  training = found.get(None, found.get("train"))
  if any(shares.values()):
    training = _sentences_if_alone(training, report)
    drawn = splits.draw(training, shares, choices.seed, folder)
    numbers = ["%s %d" % (split, len(drawn[split])) for split in drawn]
    report.note(
      "Drawn from %d documents by --seed=%d: %s."
      % (len(training), choices.seed, ", ".join(numbers))
    )
  else:
    drawn = {"train": training}
  found = dict(found, **drawn)
  missing = [split for split in ("dev", "test") if split not in found]
  for split in missing:
    report.note(
      "No %s set: --%s_fraction draws one from the training set."
      % (split, split)
    )
  return {split: found[split] for split in examples.SPLITS if split in found}


def _sentences_if_alone(found, report):
  """Returns the sentences of a single document of CoNLL as its parts."""
  if len(found) != 1 or not isinstance(found[0], splits.Group):
    return found
  report.note(_ALONE)
  (group,) = found
  return [
    splits.Group("%s.%d" % (group.id, i), [sentence], group.place)
    for i, sentence in enumerate(group.members)
  ]


def _wanted_types(divided, asked, folder):
  """Returns the set of types to take, all by default.

  Raises:
    InputError: there is no mention, or none of a type in `asked`.
  """
  known = collections.Counter(
    kind
    for found in divided.values()
    for document in found
    for kind in _types_of(document)
  )
  if not known:
    raise InputError("%s: found no annotated mention, expected some" % folder)
  for kind in asked or ():
    if kind not in known:
      raise InputError(
        "--types=%s: found no mention of %s in %s, expected one of %s"
        % (
          ",".join(asked),
          kind,
          folder,
          ", ".join(filter(None, known)) or "none",
        )
      )
  return set(asked or known)


def _types_of(document):
  """Yields the type of each mention of a document, or word of CoNLL."""
  if isinstance(document, splits.Group):
    for sentence in document.members:
      for label in sentence.labels:
        if label != "O":
          yield label.partition("-")[2]
  else:
    for mention in document.mentions:
      yield mention.type


# ---------------------------------------------------------------------- CoNLL


def _tagged(group, sentence, types):
  """Returns a sentence as examples.Tagged, in IOB2 and with these types."""
  labels, before = [], "O"
  for label in sentence.labels:
    tag, _, kind = label.partition("-")
    old_tag, _, old_kind = before.partition("-")
    goes_on = tag in "IE" and old_tag in "BI" and kind == old_kind
    before = label
    if tag == "O" or kind not in types:
      labels.append("O")
    else:
      labels.append("BI"[goes_on] + ("-" + kind if kind else ""))
  ends = itertools.accumulate(len(word) + 1 for word in sentence.words)
  starts = [0] + list(ends)[:-1]
  return examples.Tagged(group.id, sentence.words, starts, labels)


# ------------------------------------------------------------------ relations


def _all_rows(divided, types, folder, report):
  """Returns {split: rows of pairs}."""
  links = {
    split: [_links(document, split, report) for document in found]
    for split, found in divided.items()
  }
  related = {
    _types_in(pair)
    for found in links.values()
    for document_links in found
    for _, pairs in document_links
    for pair in pairs
  }
  related = {kinds for kinds in related if kinds <= types}
  rows = {
    split: [
      row
      for document, document_links in sorted(
        zip(found, links[split]), key=lambda pair: pair[0].id
      )
      for row in _rows(document, document_links, related, split, report)
    ]
    for split, found in divided.items()
  }
  for split, found in rows.items():
    number = sum(row.label != NEGATIVE for row in found)
    report.count("relations", split, number)
  if not any(row.label != NEGATIVE for row in rows["train"]):
    raise InputError(
      "%s: found no relation within a sentence of the training set, of the "
      "types %s; expected some" % (folder, first_five(sorted(types)))
    )
  return rows


def _links(document, split, report):
  """Returns [(Relation, the pairs of mentions that it holds for)]."""
  found = []
  for relation in document.relations:
    with report.skipping("relations that lack a mention (skipped)", split):
      firsts, seconds = (
        _mentions_of(document, relation, end)
        for end in (relation.first, relation.second)
      )
      pairs = {frozenset((a, b)) for a in firsts for b in seconds if a != b}
      found.append((relation, pairs))
  return found


def _mentions_of(document, relation, end):
  """Returns the keys of the mentions that an end of a relation names."""
  found = {
    _key(mention)
    for mention in document.mentions
    if end in (mention.concepts if relation.by_concept else (mention.id,))
  }
  if not found:
    raise InputError(
      "%s: found a relation of %s and %s, expected %s of mentions in its "
      "document"
      % (
        relation.place,
        relation.first,
        relation.second,
        "concepts" if relation.by_concept else "ids",
      )
    )
  return found


def _key(mention):
  """Returns what mentions share that repeat each other."""
  return mention.spans, mention.type


def _types_in(pair):
  return frozenset(kind for _, kind in pair)


def _rows(document, links, related, split, report):
  """Returns the rows of a document."""
  labels, lost = collections.defaultdict(dict), set()
  for i, (relation, pairs) in enumerate(links):
    wanted = [pair for pair in pairs if _types_in(pair) in related]
    report.rule("relations of other types (skipped)", split, not wanted)
    lost.update({i} if wanted else ())
    for pair in wanted:
      labels[pair].setdefault(relation.type or _UNNAMED, set()).add(i)
  found = []
  for (start, end), pair in _pairs(document, related, split, report):
    kinds = labels.get(frozenset(map(_key, pair)), {NEGATIVE: set()})
    report.rule(
      "pairs with several relations (a row each)", split, len(kinds) > 1
    )
    lost.difference_update(*kinds.values())
    text = marking.mark(document.text, start, end, *pair, _mark_of)
    name = "%s.%s.%s" % (document.id, pair[0].id, pair[1].id)
    found += [
      examples.Row(name, document.id, (text,), kind) for kind in sorted(kinds)
    ]
  report.rule(
    "relations across sentences (skipped, as in BLURB and BLUE)",
    split,
    len(lost),
  )
  return found


def _pairs(document, related, split, report):
  """Yields (span of a sentence, pair of its mentions that may be related)."""
  mentions = {_key(mention): mention for mention in document.mentions[::-1]}
  report.rule(
    "mentions that repeat one in the same place (skipped)",
    split,
    len(document.mentions) - len(mentions),
  )
  sentences, crossing = marking.grouped(
    documents.split_sentences(document), list(mentions.values())
  )
  report.rule(
    "mentions that cross the end of a sentence (joined the sentences)",
    split,
    crossing,
  )
  for span, members in sentences:
    for pair in itertools.combinations(members, 2):
      if frozenset(mention.type for mention in pair) not in related:
        continue
      is_same = pair[0].spans == pair[1].spans
      report.rule("pairs in the same place (skipped)", split, is_same)
      report.rule(
        "pairs with a mention in several parts (marked from start to end)",
        split,
        not is_same and any(len(m.spans) > 1 for m in pair),
      )
      if not is_same:
        yield span, pair


def _mark_of(mention):
  """Returns the name of a mark, which run_re.py knows by its characters."""
  name = re.sub(r"[^\w-]", "_", mention.type)
  return name if re.match("[A-Za-z]", name) else "E_" + name
