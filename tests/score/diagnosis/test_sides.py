"""Gold sides against the boxes, on rows made up here."""

from __future__ import annotations

import pytest

from vsdkit.data.records import Box, GoldRow
from vsdkit.score.diagnosis.sides import count_sides, sides_agree

LEFT, RIGHT = "to the left of", "to the right of"
WEST, EAST = Box(0, 10, 0, 10), Box(0, 10, 50, 60)


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
    assert [one.pairs for one in count_sides({}, {})] == [0, 0]
