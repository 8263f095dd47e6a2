# SPDX-License-Identifier: Apache-2.0
"""ChemProt: how chemicals act on proteins (Krallinger et al. 2017)."""

import itertools

from common.errors import InputError
from common.errors import shorten
from converters.shared import corpus
from converters.shared import examples
from converters.shared import marking
from converters.shared import rows
from converters.shared import writers
from formats import annotated
from formats import documents

_PARTS = {"train": "training", "dev": "development", "test": "test"}
# The task evaluates these groups; pairs of other groups have no relation.
_EVALUATED = ("CPR:3", "CPR:4", "CPR:5", "CPR:6", "CPR:9")
_GROUPS = frozenset("CPR:%d" % i for i in range(11))
_NONE = "false"
_LOST = "relations that do not fit or lack an entity (skipped)"
_ONE_OF = "pairs with several groups (kept the last, as BLURB does)"
_EACH_OF = "pairs with several groups (a row each, as in BLUE)"
_NAMES = {"CHEMICAL": "CHEMICAL", "GENE-Y": "GENE", "GENE-N": "GENE"}
_SPLITTER = (
  "pairs are within a sentence; BLURB split sentences with NLTK, we with "
  "segtok's rules"
)
_ABSTRACTS = {"train": 1020, "dev": 612, "test": 800}
_RELATIONS = {"train": 4154, "dev": 2416, "test": 3458}
PUBLISHED = corpus.Published(
  counts={
    "chemprot": {
      "abstracts": _ABSTRACTS,
      "rows": {"train": 18035, "dev": 11268, "test": 15745},
      "relations": _RELATIONS,
    },
    "chemprot/blue": {"abstracts": _ABSTRACTS, "relations": _RELATIONS},
  },
  certain=("abstracts",),
  because={"rows": _SPLITTER, "relations": _SPLITTER},
  source="Krallinger et al. 2017; rows: BLURB; relations: BLUE's README",
)
write = writers.labelled_sentences


def convert(source, options, report):
  """Returns a row for each chemical and gene in the same sentence."""
  del options
  found = {
    split: report.part(split, _convert, source, split, part, report)
    for split, part in _PARTS.items()
  }
  report.explain(
    "relations",
    report.rules.get(_ONE_OF, {}),
    "BLURB keeps one group of a pair with several, BLUE counts each",
  )
  return found


def _convert(source, split, part, report):
  names = [
    [
      name % part
      for name in (
        "chemprot_%s_" + kind + ".tsv",
        "chemprot_%s_" + kind + "_gs.tsv",
      )
    ]
    for kind in ("abstracts", "entities", "relations")
  ]
  tables = [
    source.read("%s %s" % (part, what), *choices)
    for what, choices in zip(("abstracts", "entities", "relations"), names)
  ]
  abstracts = rows.abstracts(*tables[0], report=report, split=split)
  report.count("abstracts", split, len(abstracts))
  _add_entities(abstracts, *tables[1], skipping=report.skipping_in(split))
  _add_relations(abstracts, *tables[2], skipping=report.skipping_in(split))
  found = [
    row
    for name in sorted(abstracts)
    for row in _pairs(abstracts[name], split, report)
  ]
  related = sum(row.label != _NONE for row in found)
  report.count("relations", split, related)
  return found


def _add_entities(abstracts, data, path, skipping):
  expected = "PMID, entity, type, start, end, text"
  for place, cells in rows.parse(data, path, (6,), expected, skipping=skipping):
    name, entity, kind, start, end, said = cells
    with skipping(annotated.UNFIT_ANNOTATIONS):
      rows.check_known(name, abstracts, place)
      if kind != "GENE":
        rows.check_one_of(kind, _NAMES, "type", place)
      document = abstracts[name]
      annotated.check_new(entity, {m.id for m in document.mentions}, place)
      span = annotated.offsets((start, end), place)
      document.mentions.append(
        annotated.mention(document.text, entity, kind, [span], said, place)
      )


def _add_relations(abstracts, data, path, skipping):
  expected = "PMID, group, Y or N, relation, Arg1:entity, Arg2:entity"
  for place, cells in rows.parse(
    data, path, (4, 6), expected, skipping=skipping
  ):
    with skipping(_LOST):
      _add_relation(abstracts, cells, place)


def _add_relation(abstracts, cells, place):
  name, group = cells[0], cells[1].strip()
  rows.check_known(name, abstracts, place)
  if group not in _GROUPS:
    raise InputError(
      "%s: found the group %s, expected one of CPR:0 to CPR:10"
      % (place, shorten(group))
    )
  ends = [_argument(cell, place) for cell in cells[-2:]]
  document = abstracts[name]
  if not {mention.id for mention in document.mentions}.issuperset(ends):
    raise InputError(
      "%s: found a relation of %s and %s, expected entities of the abstract"
      % (place, ends[0], ends[1])
    )
  document.relations.append(annotated.Relation("", group, *ends, place))


def _argument(cell, place):
  """Returns the entity in a cell such as Arg1:T12."""
  key, colon, entity = cell.strip().partition(":")
  if not colon or not key.startswith("Arg") or not entity:
    raise InputError(
      "%s: found %s, expected an argument such as Arg1:T12"
      % (place, shorten(cell))
    )
  return entity


def _pairs(document, split, report):
  """Returns the rows of an abstract."""
  groups = {}  # {pair: its groups, in the order of the file}
  for relation in document.relations:
    if relation.type in _EVALUATED:
      key = frozenset((relation.first, relation.second))
      groups.setdefault(key, []).append(relation.type)
  sentences, crossing = marking.grouped(
    documents.split_sentences(document), document.mentions
  )
  report.rule(
    "entities that cross the end of a sentence (joined the sentences)",
    split,
    crossing,
  )
  is_blurb, found = report.options.layout == "blurb", []
  for (start, end), mentions in sentences:
    chemicals = [m for m in mentions if _NAMES.get(m.type) == "CHEMICAL"]
    genes = [m for m in mentions if m not in chemicals]
    for chemical, gene in itertools.product(chemicals, genes):
      labels = groups.pop(frozenset((chemical.id, gene.id)), [_NONE])
      several = len(set(labels)) > 1
      report.rule(_ONE_OF if is_blurb else _EACH_OF, split, several)
      labels = labels[-1:] if is_blurb else list(dict.fromkeys(labels))
      text = marking.mark(
        document.text, start, end, chemical, gene, _name_of, "CHEM-GENE"
      )
      name = _name_of_pair(document, chemical, gene, is_blurb)
      found += [examples.Row(name, document.id, (text,), x) for x in labels]
  report.rule(
    "evaluated relations across sentences (skipped, as in BLURB and BLUE)",
    split,
    sum(len(set(labels)) for labels in groups.values()),
  )
  return found


def _name_of_pair(document, chemical, gene, is_blurb):
  """Returns a pair's id; in BLURB's a gene that starts no later is first."""
  pair = chemical, gene
  if is_blurb and annotated.extent(gene)[0] <= annotated.extent(chemical)[0]:
    pair = gene, chemical
  return "%s.%s.%s" % (document.id, pair[0].id, pair[1].id)


def _name_of(mention):
  return _NAMES.get(mention.type, "GENE")
