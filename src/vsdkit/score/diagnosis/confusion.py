"""Task 1 by relation: precision, recall and F1 of each, and the confusion matrix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from vsdkit.data.relations import RELATIONS
from vsdkit.formats.align import AlignedRow

__all__ = ["NO_LABEL", "RelationCounts", "confuse", "count_relations"]

NO_LABEL = "none"
"""Column of the confusion matrix for rows that are missing or unparsed."""


@dataclass(frozen=True)
class RelationCounts:
    """Task 1 for one relation."""

    relation: str
    """Its long form."""
    gold: int
    """Rows that have it among their gold relations."""
    predicted: int
    """Rows that were answered with it."""
    correct: int
    """Rows of both kinds."""
    precision: float | None
    """0 to 100; None where it was never predicted."""
    recall: float | None
    """0 to 100; None where gold never has it."""
    f1: float | None
    """0 to 100; None where neither has it."""


def count_relations(
    rows: Sequence[AlignedRow], labels: Sequence[str | None]
) -> tuple[RelationCounts, ...]:
    """Return the counts of each relation, in the order of the paper's question.

    Args:
        rows: Rows of task 1.
        labels: The label of each, as ``AlignedRow.label``.
    """
    gold = Counter(relation for row in rows for relation in set(row.gold.relations))
    predicted = Counter(label for label in labels if label is not None)
    correct = Counter(
        label
        for row, label in zip(rows, labels, strict=True)
        if label is not None and label in row.gold.relations
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
        for relation in (RELATIONS if rows else ())
    )


def confuse(rows: Sequence[AlignedRow], labels: Sequence[str | None]) -> dict[str, dict[str, int]]:
    """Return how often each gold relation was answered by each label or by none.

    A row with several gold relations counts under the one that was hit, else under the first.

    Args:
        rows: Rows of task 1.
        labels: The label of each, as ``AlignedRow.label``.
    """
    if not rows:
        return {}
    matrix = {gold: dict.fromkeys((*RELATIONS, NO_LABEL), 0) for gold in RELATIONS}
    for row, label in zip(rows, labels, strict=True):
        hit = label is not None and label in row.gold.relations
        wanted = label if hit and label else row.gold.relations[0]
        matrix[wanted][label or NO_LABEL] += 1
    return matrix


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
