"""The table of relations by tags: the most frequent tags one by one, the others together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from vsdkit.data.relations import RELATIONS, short_form
from vsdkit.report.instructions.tally import NOT_KNOWN, TagCounts

__all__ = ["Cell", "TagRow", "TagTable", "make_table"]

_TAGS = 30
"""Rows of the table: more are not read."""
_SHADES = 5
"""Of cells; the style has as many."""


class Cell(NamedTuple):
    """A number of rows, and how strongly it is shaded."""

    rows: int
    shade: int
    """0 to 5, by the share of the tag's rows."""


class TagRow(NamedTuple):
    """A tag's rows by relation."""

    tag: str
    cells: tuple[Cell, ...]
    """In the order of the table's relations."""
    rows: int


class TagTable(NamedTuple):
    """Relations by the tags of one of the two objects."""

    role: str
    """``object`` or ``subject``."""
    relations: tuple[str, ...]
    """Short forms; the last says that none is known, where there are such rows."""
    rows: tuple[TagRow, ...]
    """The most frequent tags, the most frequent first."""
    others: TagRow | None
    """All other tags together."""
    other_tags: int
    """How many these are."""
    total: TagRow
    """All rows."""


def make_table(counts: TagCounts, *, role: str) -> TagTable:
    """Return the table of relations by tags.

    Args:
        counts: Tag and relation to rows.
        role: Whose tags they are.
    """
    of_tag: dict[str, Counter[str]] = {}
    for (tag, relation), count in counts.items():
        of_tag.setdefault(tag, Counter())[relation] += count
    every = sum(of_tag.values(), Counter[str]())
    relations = (*RELATIONS, NOT_KNOWN) if every[NOT_KNOWN] else RELATIONS
    # Where two tags are as frequent, by name: the same file gives the same page.
    order = sorted(of_tag, key=lambda tag: (-of_tag[tag].total(), tag))
    rest = sum((of_tag[tag] for tag in order[_TAGS:]), Counter[str]())
    return TagTable(
        role,
        tuple(short_form(relation) or "not known" for relation in relations),
        tuple(_row(tag, of_tag[tag], relations) for tag in order[:_TAGS]),
        _row("other tags", rest, relations) if order[_TAGS:] else None,
        len(order[_TAGS:]),
        _row("all", every, relations),
    )


def _row(tag: str, counts: Counter[str], relations: Sequence[str]) -> TagRow:
    rows = counts.total()
    cells = [
        Cell(counts[relation], -(-counts[relation] * _SHADES // rows)) for relation in relations
    ]
    return TagRow(tag or "not known", tuple(cells), rows)
