"""Gold left and right against the centres of the two boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from vsdkit.data.records import GoldRow
from vsdkit.data.relations import BY_LABEL

__all__ = ["SideCounts", "count_sides", "sides_agree"]

_SIDES = {one.label: 1 if one.side == "left" else -1 for one in BY_LABEL.values() if one.side}
"""Relations that tell a side, to the sign of the way from the subject's centre to the object's."""


@dataclass(frozen=True)
class SideCounts:
    """Items with one side as their gold relation, counted."""

    relation: str
    """To the left of, or to the right of."""
    pairs: int
    """Items with this relation whose boxes are known."""
    disagree: int
    """Those whose centres lie the other way round, or one above the other."""
    correct_agreeing: int
    """Labels that are right where gold and boxes agree."""
    correct_disagreeing: int
    """Labels that are right where they do not."""


def sides_agree(gold: GoldRow) -> bool | None:
    """Say whether the boxes' centres lie as the gold side tells; None without a side or boxes.

    Boxes are compared in the image plane. People also say left and right from the object's own
    side, so a disagreement is no proof of a wrong label.
    """
    sides = [_SIDES[relation] for relation in gold.relations if relation in _SIDES]
    subject, object_ = gold.subject_box, gold.object_box
    if len(sides) != 1 or subject is None or object_ is None:
        return None
    return sides[0] * (object_.centre.x - subject.centre.x) > 0


def count_sides(
    rows: Mapping[str, GoldRow], labels: Mapping[str, str | None]
) -> tuple[SideCounts, ...]:
    """Return gold left and right against the boxes.

    Args:
        rows: A gold row of each item, by id.
        labels: Label of each item that was asked for one, by id.
    """
    return tuple(_count_side(side, rows, labels) for side in _SIDES)


def _count_side(
    side: str, rows: Mapping[str, GoldRow], labels: Mapping[str, str | None]
) -> SideCounts:
    counts = Counter[tuple[bool, bool]]()
    for key, gold in rows.items():
        agrees = sides_agree(gold) if side in gold.relations else None
        if agrees is not None:
            counts[agrees, labels.get(key) == side] += 1
    return SideCounts(
        side,
        pairs=counts.total(),
        disagree=counts[False, False] + counts[False, True],
        correct_agreeing=counts[True, True],
        correct_disagreeing=counts[False, True],
    )
