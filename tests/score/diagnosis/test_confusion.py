"""Task 1 by relation, on rows made up here."""

from __future__ import annotations

import pytest

from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.data.relations import RELATIONS
from vsdkit.formats.align import AlignedRow
from vsdkit.score.diagnosis.confusion import NO_LABEL, confuse, count_relations

LEFT = "to the left of"


def row(prediction: str | None, relations: tuple[str, ...] = ("on",)) -> AlignedRow:
    gold = GoldRow("1", "1.jpg", 1, "lamp", "crate", None, None, relations)
    return AlignedRow(gold, PredictionRow("1", 1, prediction))


ROWS = [
    row("on"),
    row("in"),
    row("left", ("in", LEFT)),
    row("under", ("in", LEFT)),
    row("a crate"),
    row(None),
    AlignedRow(row(None).gold, None),
]
LABELS = [one.label for one in ROWS]


def test_labels_are_read_in_their_long_form() -> None:
    assert LABELS == ["on", "in", LEFT, "under", None, None, None]


def test_each_relation_is_counted() -> None:
    found = {one.relation: one for one in count_relations(ROWS, LABELS)}
    assert tuple(found) == RELATIONS
    on, inside, left = found["on"], found["in"], found[LEFT]
    assert (on.gold, on.predicted, on.correct) == (5, 1, 1)
    assert (on.precision, on.recall, on.f1) == (100, 20, pytest.approx(100 / 3))
    assert (inside.gold, inside.predicted, inside.precision, inside.recall) == (2, 1, 0, 0)
    assert (left.gold, left.correct, left.precision, left.recall) == (2, 1, 100, 50)
    behind = found["behind"]
    assert (behind.precision, behind.recall, behind.f1) == (None, None, None)


def test_confusion_holds_every_row_once() -> None:
    matrix = confuse(ROWS, LABELS)
    assert set(matrix) == set(RELATIONS)
    assert all(len(row) == 10 for row in matrix.values())
    assert sum(sum(row.values()) for row in matrix.values()) == 7
    assert (matrix["on"]["on"], matrix["on"]["in"], matrix["on"][NO_LABEL]) == (1, 1, 3)
    # Two gold relations: under the one that was hit, else under the first.
    assert (matrix[LEFT][LEFT], matrix["in"]["under"]) == (1, 1)


def test_nothing_is_counted_of_no_rows() -> None:
    assert (count_relations([], []), confuse([], [])) == ((), {})
