"""Baselines: predictions made of gold's own tags and labels, without a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.errors import DataError

__all__ = ["BASELINES", "existential_sentence", "most_frequent_label", "plain_sentence"]

_PLAIN = "{subject} {relation} {object}."
_EXISTENTIAL = "there is a {subject} {relation} the {object}."


def most_frequent_label(gold: Sequence[GoldRow]) -> Iterator[PredictionRow]:
    """Yield the most frequent first relation of ``gold`` for every row, and "T1 R T2." with it.

    Raises:
        DataError: If a row has no relation.
    """
    counts = Counter({row.id: _relation(row) for row in gold}.values())
    label = max(counts, key=lambda relation: (counts[relation], relation))
    return (_predict(row, label, _PLAIN) for row in gold)


def plain_sentence(gold: Sequence[GoldRow]) -> Iterator[PredictionRow]:
    """Yield the gold relation and "T1 R T2." with it, three times over for task 3.

    It is what a perfect relation is worth without any wording.

    Raises:
        DataError: If a row has no relation.
    """
    return (_predict(row, _relation(row), _PLAIN) for row in gold)


def existential_sentence(gold: Sequence[GoldRow]) -> Iterator[PredictionRow]:
    """Yield the gold relation and "there is a T1 R the T2." with it, three times for task 3.

    It is what a perfect relation is worth in a sentence of plain grammar.

    Raises:
        DataError: If a row has no relation.
    """
    return (_predict(row, _relation(row), _EXISTENTIAL) for row in gold)


BASELINES: Mapping[str, Callable[[Sequence[GoldRow]], Iterator[PredictionRow]]] = {
    "most frequent label, T1 R T2.": most_frequent_label,
    "gold label, T1 R T2.": plain_sentence,
    "gold label, there is a T1 R the T2.": existential_sentence,
}
"""By the name they have in tables."""


def _relation(row: GoldRow) -> str:
    if not row.relations:
        raise DataError(
            "a baseline needs gold relations; this row has none",
            where=str(row.key),
            hint="leave out --baselines",
        )
    return row.relations[0]


def _predict(row: GoldRow, relation: str, shape: str) -> PredictionRow:
    sentence = shape.format(subject=row.subject, relation=relation, object=row.object)
    answers: dict[int, str | tuple[str, ...]] = {1: relation, 2: sentence, 3: (sentence,) * 3}
    return PredictionRow(row.id, row.task, answers[row.task])
