"""F1 of relations: a set of gold labels, one predicted label or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

__all__ = ["RelationScore", "relation_statistics", "score_relations"]


@dataclass(frozen=True)
class RelationScore:
    """F1 in its averages, 0 to 100."""

    micro: float
    """Over all decisions; this is z1."""
    macro: float
    """Mean over the labels that occur in gold or predictions."""
    weighted: float
    """As macro, each label weighing what it weighs in gold."""
    samples: float
    """Mean over rows."""
    accuracy: float
    """Rows whose label is among the gold ones."""


def score_relations(
    gold: Sequence[Collection[str]], predicted: Sequence[str | None]
) -> RelationScore:
    """Return the F1 of one predicted label a row against the row's set of gold labels.

    A row without a label (None) misses its gold labels and claims nothing. Micro-F1 alone is
    therefore kinder to silence than to a wrong label: read it beside accuracy and the number of
    rows without a label.

    Args:
        gold: The labels of each row, at least one.
        predicted: The label of each row, None where none could be read.

    Raises:
        ValueError: If there is no row, the lengths differ, or a row has no gold label.

    Source:
        The averages of scikit-learn's ``f1_score`` on label indicators.

    >>> score_relations([{"on"}, {"in", "on"}], ["on", "under"]).micro
    40.0
    """
    if not gold or not all(gold):
        raise ValueError("every row needs a gold label, and there must be a row")
    true_positives: Counter[str] = Counter()
    wanted: Counter[str] = Counter()
    claimed: Counter[str] = Counter()
    samples = 0.0
    for labels, label in zip(gold, predicted, strict=True):
        wanted.update(set(labels))
        if label is None:
            continue
        claimed[label] += 1
        if label in labels:
            true_positives[label] += 1
            # F1 of the row: precision 1, recall 1 / (number of gold labels).
            samples += 2 / (1 + len(set(labels)))
    n = len(gold)
    # Labels that occur nowhere have no F1: as 0 they would pull macro down for rows that never ask
    # for them.
    by_label = {
        label: _f1(true_positives[label], wanted[label], claimed[label])
        for label in sorted(wanted.keys() | claimed.keys())
    }
    return RelationScore(
        micro=_f1(true_positives.total(), wanted.total(), claimed.total()),
        macro=sum(by_label.values()) / len(by_label),
        weighted=sum(value * wanted[label] for label, value in by_label.items()) / wanted.total(),
        samples=100 * samples / n,
        accuracy=100 * true_positives.total() / n,
    )


def relation_statistics(
    gold: Sequence[Collection[str]], predicted: Sequence[str | None], labels: Sequence[str]
) -> list[list[float]]:
    """Return the sufficient statistics of each row for the averages of F1 and for accuracy.

    Args:
        gold: The labels of each row.
        predicted: The label of each row, None where none could be read.
        labels: All labels there are.

    Returns:
        Of each row 3 x labels + 1 values: of each label whether it is right, of each whether it
        is wanted, of each whether it is claimed, then the row's own F1.

    Raises:
        ValueError: If the lengths differ.

    >>> relation_statistics([{"on"}], ["in"], ["on", "in"])
    [[0, 0, 1, 0, 0, 1, 0]]
    """
    return [
        [
            *(int(label in wanted and label == claimed) for label in labels),
            *(int(label in wanted) for label in labels),
            *(int(label == claimed) for label in labels),
            # One label is claimed, so F1 of a row is 2 / (1 + gold labels) where that is right.
            200 / (1 + len(set(wanted))) if claimed in wanted else 0,
        ]
        for wanted, claimed in zip(gold, predicted, strict=True)
    ]


def _f1(true_positives: int, wanted: int, claimed: int) -> float:
    return 100 * 2 * true_positives / (wanted + claimed)
