"""Predictions that need no model: what any result must be held against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.errors import DataError

__all__ = ["most_frequent_label", "plain_sentence"]


def plain_sentence(gold: Sequence[GoldRow]) -> Iterator[PredictionRow]:
    """Yield the gold relation and "T1 R T2." with it, three times over for task 3.

    It is what a perfect relation is worth without any wording.

    Raises:
        DataError: If a row has no relation.
    """
    return (_predict(row, _relation(row)) for row in gold)


def most_frequent_label(gold: Sequence[GoldRow]) -> Iterator[PredictionRow]:
    """Yield the most frequent first relation of ``gold`` for every row, and "T1 R T2." with it.

    Raises:
        DataError: If a row has no relation.
    """
    counts = Counter({row.id: _relation(row) for row in gold}.values())
    label = max(counts, key=lambda relation: (counts[relation], relation))
    return (_predict(row, label) for row in gold)


def _relation(row: GoldRow) -> str:
    if not row.relations:
        raise DataError("a baseline needs gold relations; this row has none", where=str(row.key))
    return row.relations[0]


def _predict(row: GoldRow, relation: str) -> PredictionRow:
    sentence = f"{row.subject} {relation} {row.object}."
    answers: dict[int, str | tuple[str, ...]] = {1: relation, 2: sentence, 3: (sentence,) * 3}
    return PredictionRow(row.id, row.task, answers[row.task])
