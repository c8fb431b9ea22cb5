"""Which pairs a picture has, which captions are one, and the gold rows of a pair."""

from __future__ import annotations

from typing import Any

from vsdkit.data.pairs import LeftOut, Pair, gold_rows, split_pairs
from vsdkit.data.records import Box
from vsdkit.data.vsd_json import JoinedItem, Triple

BOX = Box(1, 2, 3, 4)


def _triple(subject: str = "cup", relation: str = "on", other: str = "desk") -> Triple:
    return Triple(subject, relation, other, BOX, BOX)


def _item(
    *, v1: tuple[str, ...] = ("a", "b"), v2: tuple[str, ...] = ("C",), **fields: Any
) -> JoinedItem:
    return JoinedItem(fields.get("id", "7"), fields.get("triples", (_triple(),)), v1, v2)


def _parts(item: JoinedItem, *, keep_all: bool = False) -> tuple[list[Pair], list[LeftOut]]:
    parts = list(split_pairs(item, keep_all=keep_all))
    pairs = [part for part in parts if isinstance(part, Pair)]
    return pairs, [part for part in parts if isinstance(part, LeftOut)]


def test_captions_are_one_where_they_are_the_same_string_only() -> None:
    (pair,), left = _parts(_item(v1=("A cup.", "a cup.", "a cup. ", "a cup.", "")))
    assert pair.v1_captions == ("A cup.", "a cup.", "a cup. ")
    assert [(part.task, part.reason, part.text) for part in left] == [
        (2, "repeated VSDv1 caption", "a cup."),
        (2, "blank caption", ""),
    ]


def test_the_first_pair_alone_or_all_of_them() -> None:
    triples = (_triple(), _triple("pen"), _triple(relation="above"), _triple("cup", "in", "hand"))
    item = _item(triples=triples)
    (pair,), left = _parts(item)
    assert (pair.id, pair.relations) == ("7", ("on", "above"))
    assert [(part.id, part.text) for part in left] == [
        ("7#2", "pen on desk"),
        ("7#3", "cup in hand"),
    ]
    pairs, left = _parts(item, keep_all=True)
    assert left == []
    assert [(p.id, p.triple.subject, p.triple.object) for p in pairs] == [
        ("7", "cup", "desk"),
        ("7#2", "pen", "desk"),
        ("7#3", "cup", "hand"),
    ]


def test_gold_has_every_task_whatever_the_row_rule_says() -> None:
    (pair,), _ = _parts(_item(v1=("a", "a"), v2=("C", "D", "C")))
    rows = list(gold_rows(pair))
    assert [(row.id, row.task, row.references) for row in rows] == [
        ("7", 1, ()),
        ("7", 2, ("a",)),
        ("7", 3, ("C", "D")),
    ]
    assert {row.relations for row in rows} == {("on",)}
    assert {row.subject_box for row in rows} == {BOX}
