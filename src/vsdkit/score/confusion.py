"""Task 1 by relation: who is taken for whom, and gold left and right against the boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vsdkit.data.records import GoldRow
from vsdkit.data.relations import BY_LABEL, RELATIONS
from vsdkit.score.align import Pair

__all__ = [
    "NO_LABEL",
    "RelationCounts",
    "SideCounts",
    "confuse",
    "count_relations",
    "count_sides",
    "sides_agree",
]

NO_LABEL = "none"
"""Column of the confusion matrix for rows that are missing or unparsed."""

_SIDES = {one.label: 1 if one.side == "left" else -1 for one in BY_LABEL.values() if one.side}
"""Relations that tell a side, to the sign of the way from the subject to the object."""


@dataclass(frozen=True)
class RelationCounts:
    """Task 1 for one relation; precision, recall and F1 from 0 to 100, None where undefined."""

    relation: str
    gold: int
    predicted: int
    correct: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class SideCounts:
    """Gold left or right against the centres of the two boxes.

    Args:
        relation: To the left of, or to the right of.
        pairs: Gold pairs with this relation whose boxes are known.
        disagree: Those whose centres lie the other way round, or one above the other.
        correct_agreeing: Labels that are right where gold and boxes agree.
        correct_disagreeing: Labels that are right where they do not.
    """

    relation: str
    pairs: int
    disagree: int
    correct_agreeing: int
    correct_disagreeing: int


def count_relations(
    pairs: Sequence[Pair], labels: Sequence[str | None]
) -> tuple[RelationCounts, ...]:
    """Return the counts of each relation, in the order of the paper's question.

    Args:
        pairs: Rows of task 1.
        labels: The label of each, as ``Pair.label``.
    """
    gold = Counter(relation for pair in pairs for relation in set(pair.gold.relations))
    predicted = Counter(label for label in labels if label is not None)
    correct = Counter(
        label
        for pair, label in zip(pairs, labels, strict=True)
        if label is not None and label in pair.gold.relations
    )
    return tuple(
        RelationCounts(
            relation,
            gold[relation],
            predicted[relation],
            correct[relation],
            precision=_percent(correct[relation], predicted[relation]),
            recall=_percent(correct[relation], gold[relation]),
            f1=_percent(2 * correct[relation], predicted[relation] + gold[relation]),
        )
        for relation in (RELATIONS if pairs else ())
    )


def confuse(pairs: Sequence[Pair], labels: Sequence[str | None]) -> dict[str, dict[str, int]]:
    """Return how often each gold relation was answered by each label or by none.

    A row with several gold relations counts under the one that was hit, else under the first.

    Args:
        pairs: Rows of task 1.
        labels: The label of each, as ``Pair.label``.
    """
    if not pairs:
        return {}
    matrix = {gold: dict.fromkeys((*RELATIONS, NO_LABEL), 0) for gold in RELATIONS}
    for pair, label in zip(pairs, labels, strict=True):
        hit = label is not None and label in pair.gold.relations
        wanted = label if hit and label else pair.gold.relations[0]
        matrix[wanted][label or NO_LABEL] += 1
    return matrix


def sides_agree(gold: GoldRow) -> bool | None:
    """Say whether the boxes' centres lie as the gold side tells; None without a side or boxes.

    Boxes are compared in the picture plane. People also say left and right from the object's own
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
        rows: A gold row of each pair, by id.
        labels: Label of each pair that was asked for one, by id.
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


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
