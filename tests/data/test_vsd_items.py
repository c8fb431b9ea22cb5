"""Which items an image has, which captions are one, and the gold rows of an item."""

from __future__ import annotations

from vsdkit.data.records import Box, GoldRow
from vsdkit.data.vsd_items import Item, LeftOut, gold_rows, split_items
from vsdkit.data.vsd_json import JoinedImage


def _parts(image: JoinedImage, *, keep_all: bool = False) -> tuple[list[Item], list[LeftOut]]:
    parts = list(split_items(image, keep_all=keep_all))
    items = [part for part in parts if isinstance(part, Item)]
    return items, [part for part in parts if isinstance(part, LeftOut)]


def test_captions_are_one_where_they_are_the_same_string_only(vsd_image) -> None:
    (item,), left = _parts(vsd_image(v1=("A cup.", "a cup.", "a cup. ", "a cup.", "")))
    assert item.v1_captions == ("A cup.", "a cup.", "a cup. ")
    assert [(part.task, part.reason, part.text) for part in left] == [
        (2, "repeated VSDv1 caption", "a cup."),
        (2, "blank caption", ""),
    ]


def test_the_first_item_alone_or_all_of_them(vsd_image) -> None:
    triples = (("cup", "on", "desk"), ("pen", "on", "desk"), ("cup", "above", "desk"))
    image = vsd_image(*triples, ("cup", "in", "hand"))
    (item,), left = _parts(image)
    assert (item.id, item.relations) == ("7", ("on", "above"))
    assert [(part.id, part.text) for part in left] == [
        ("7#2", "pen on desk"),
        ("7#3", "cup in hand"),
    ]
    items, left = _parts(image, keep_all=True)
    assert left == []
    assert [(one.id, one.triple.subject, one.triple.object) for one in items] == [
        ("7", "cup", "desk"),
        ("7#2", "pen", "desk"),
        ("7#3", "cup", "hand"),
    ]


def test_gold_has_every_task_whatever_the_row_rule_says(vsd_image) -> None:
    (item,), _ = _parts(vsd_image(v1=("a", "a"), v2=("C", "D", "C")))
    rows = [row for row in gold_rows(item) if isinstance(row, GoldRow)]
    assert [(row.id, row.task, row.references) for row in rows] == [
        ("7", 1, ()),
        ("7", 2, ("a",)),
        ("7", 3, ("C", "D")),
    ]
    assert {row.relations for row in rows} == {("on",)}
    assert {row.subject_box for row in rows} == {Box(1, 2, 3, 4)}


def test_a_task_without_captions_has_no_gold_row_and_is_counted(vsd_image) -> None:
    (item,), _ = _parts(vsd_image(v1=(" ",), v2=("C",)))
    first, left, third = gold_rows(item)
    assert isinstance(first, GoldRow)
    assert isinstance(third, GoldRow)
    assert (first.task, third.task) == (1, 3)
    assert left == LeftOut("7", "7.jpg", 2, "gold row of task 2: no VSDv1 caption", "")
    (item,), _ = _parts(vsd_image(v1=("a",), v2=()))
    assert [type(row) for row in gold_rows(item)] == [GoldRow, GoldRow, LeftOut]
