# SPDX-License-Identifier: Apache-2.0
"""ChemProt: how chemicals act on proteins (Krallinger et al. 2017)."""

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
_LOST = "relations of missing entities (skipped)"
_NAMES = {"CHEMICAL": "CHEMICAL", "GENE-Y": "GENE", "GENE-N": "GENE"}
_SPLITTER = (
  "pairs are within a sentence; BLURB split sentences with NLTK, we with "
  "segtok's rules"
)
PUBLISHED = corpus.Published(
  counts={
    "chemprot": {
      "abstracts": {"train": 1020, "dev": 612, "test": 800},
      "rows": {"train": 18035, "dev": 11268, "test": 15745},
      "relations": {"train": 4154, "dev": 2416, "test": 3458},
    }
  },
  certain=("abstracts",),
  because={"rows": _SPLITTER, "relations": _SPLITTER},
  source="Krallinger et al. 2017; rows: BLURB; relations: BLUE's README",
)
write = writers.labelled_sentences


def convert(source, options, report):
  """Returns a row for each chemical and gene in the same sentence."""
  return {
    split: _convert(source, split, part, options, report)
    for split, part in _PARTS.items()
  }


def _convert(source, split, part, options, report):
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
  if options.allow_incomplete:
    lacking = [n[0] for n in names if not source.find(*n)]
    if lacking:
      report.note("The %s set is empty: %s is missing." % (split, lacking[0]))
      return []
  data, path = source.read("%s abstracts" % part, *names[0])
  abstracts = rows.abstracts(data, path, report)
  report.count("abstracts", split, len(abstracts))
  data, path = source.read("%s entities" % part, *names[1])
  _add_entities(abstracts, data, path, report)
  data, path = source.read("%s relations" % part, *names[2])
  _add_relations(abstracts, data, path, report, split)
  found = [
    row
    for name in sorted(abstracts)
    for row in _pairs(abstracts[name], split, report)
  ]
  related = sum(row.label != _NONE for row in found)
  report.count("relations", split, related)
  return found


def _add_entities(abstracts, data, path, report):
  expected = "PMID, entity, type, start, end, text"
  for place, cells in rows.parse(data, path, (6,), expected):
    name, entity, kind, start, end, said = cells
    rows.check_known(name, abstracts, place)
    if kind != "GENE":
      rows.check_one_of(kind, _NAMES, "type", place)
    document = abstracts[name]
    annotated.check_new(entity, {m.id for m in document.mentions}, place)
    span = annotated.offsets((start, end), place)
    document.mentions.append(
      report.mention(document.text, entity, kind, [span], said, place)
    )


def _add_relations(abstracts, data, path, report, split):
  expected = "PMID, group, Y or N, relation, Arg1:entity, Arg2:entity"
  for place, cells in rows.parse(data, path, (4, 6), expected):
    name, group = cells[0], cells[1].strip()
    rows.check_known(name, abstracts, place)
    if group not in _GROUPS:
      raise InputError(
        "%s: found the group %s, expected one of CPR:0 to CPR:10"
        % (place, shorten(group))
      )
    ends = [_argument(cell, place) for cell in cells[-2:]]
    document = abstracts[name]
    known = {mention.id for mention in document.mentions}
    if known.issuperset(ends):
      document.relations.append(annotated.Relation("", group, *ends, place))
    else:
      report.tolerate(
        _LOST,
        InputError(
          "%s: found a relation of %s and %s, expected entities of the abstract"
          % (place, ends[0], ends[1])
        ),
        split,
      )


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
  groups = {}
  for relation in document.relations:
    if relation.type in _EVALUATED:
      key = frozenset((relation.first, relation.second))
      groups.setdefault(key, set()).add(relation.type)
  sentences, crossing = marking.grouped(
    documents.split_sentences(document), document.mentions
  )
  report.rule(
    "entities that cross the end of a sentence (joined the sentences)",
    split,
    crossing,
  )
  found = []
  for (start, end), mentions in sentences:
    chemicals = [m for m in mentions if _NAMES.get(m.type) == "CHEMICAL"]
    genes = [m for m in mentions if m not in chemicals]
    for chemical in chemicals:
      for gene in genes:
        labels = sorted(groups.pop(frozenset((chemical.id, gene.id)), ()))
        report.rule(
          "pairs with several relations (kept the first group)",
          split,
          len(labels) > 1,
        )
        text = marking.mark(
          document.text, start, end, chemical, gene, _name_of, "CHEM-GENE"
        )
        first, second = chemical, gene
        if report.options.layout == "blurb" and _comes_first(gene, chemical):
          first, second = gene, chemical
        name = "%s.%s.%s" % (document.id, first.id, second.id)
        label = labels[0] if labels else _NONE
        found.append(examples.Row(name, document.id, (text,), label))
  report.rule(
    "evaluated relations across sentences (skipped, as in BLURB and BLUE)",
    split,
    sum(map(len, groups.values())),
  )
  return found


def _comes_first(gene, chemical):
  """Returns whether BLURB's id of a pair names the gene first.

  It does if the gene comes first in the text, or if the two overlap.
  """
  return annotated.extent(gene)[0] < annotated.extent(chemical)[1]


def _name_of(mention):
  return _NAMES.get(mention.type, "GENE")
