"""Task 1 by relation, and gold sides against the boxes, on rows made up here."""

from __future__ import annotations

import pytest

from vsdkit.data.records import Box, GoldRow, PredictionRow
from vsdkit.data.relations import RELATIONS
from vsdkit.score.align import Pair
from vsdkit.score.confusion import (
    NO_LABEL,
    confuse,
    count_relations,
    count_sides,
    sides_agree,
)

LEFT, RIGHT = "to the left of", "to the right of"
WEST, EAST = Box(0, 10, 0, 10), Box(0, 10, 50, 60)


def pair(prediction: str | None, relations: tuple[str, ...] = ("on",)) -> Pair:
    gold = GoldRow("1", "1.jpg", 1, "lamp", "crate", None, None, relations)
    return Pair(gold, PredictionRow("1", 1, prediction))


PAIRS = [
    pair("on"),
    pair("in"),
    pair("left", ("in", LEFT)),
    pair("under", ("in", LEFT)),
    pair("a crate"),
    pair(None),
    Pair(pair(None).gold, None),
]
LABELS = [one.label for one in PAIRS]


def test_labels_are_read_in_their_long_form() -> None:
    assert LABELS == ["on", "in", LEFT, "under", None, None, None]


def test_each_relation_is_counted() -> None:
    found = {one.relation: one for one in count_relations(PAIRS, LABELS)}
    assert tuple(found) == RELATIONS
    on, inside, left = found["on"], found["in"], found[LEFT]
    assert (on.gold, on.predicted, on.correct) == (5, 1, 1)
    assert (on.precision, on.recall, on.f1) == (100, 20, pytest.approx(100 / 3))
    assert (inside.gold, inside.predicted, inside.precision, inside.recall) == (2, 1, 0, 0)
    assert (left.gold, left.correct, left.precision, left.recall) == (2, 1, 100, 50)
    behind = found["behind"]
    assert (behind.precision, behind.recall, behind.f1) == (None, None, None)


def test_confusion_holds_every_row_once() -> None:
    matrix = confuse(PAIRS, LABELS)
    assert set(matrix) == set(RELATIONS)
    assert all(len(row) == 10 for row in matrix.values())
    assert sum(sum(row.values()) for row in matrix.values()) == 7
    assert (matrix["on"]["on"], matrix["on"]["in"], matrix["on"][NO_LABEL]) == (1, 1, 3)
    # Two gold relations: under the one that was hit, else under the first.
    assert (matrix[LEFT][LEFT], matrix["in"]["under"]) == (1, 1)


@pytest.mark.parametrize(
    ("relations", "subject", "object_", "agree"),
    [
        ((LEFT,), WEST, EAST, True),
        ((RIGHT,), WEST, EAST, False),
        ((RIGHT,), EAST, WEST, True),
        ((LEFT,), WEST, WEST, False),
        ((LEFT,), WEST, None, None),
        (("on",), WEST, EAST, None),
        # Gold that says both sides cannot be held against the boxes.
        ((LEFT, RIGHT), WEST, EAST, None),
        (("on", LEFT), WEST, EAST, True),
    ],
)
def test_boxes_agree_with_the_side(
    relations: tuple[str, ...], subject: Box, object_: Box | None, agree: bool | None
) -> None:
    row = GoldRow("1", "1.jpg", 1, "lamp", "crate", subject, object_, relations)
    assert sides_agree(row) is agree


def test_nothing_is_counted_of_no_rows() -> None:
    assert (count_relations([], []), confuse([], [])) == ((), {})
    assert [one.pairs for one in count_sides({}, {})] == [0, 0]
