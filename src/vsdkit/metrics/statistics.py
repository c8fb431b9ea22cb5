"""Sufficient statistics of rows: values whose sums over any rows give the numbers of those rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["BLEU_COLUMNS", "BLEU_ORDERS", "CORPUS_VALUES", "RowStatistics", "StatisticsKind"]

StatisticsKind = Literal["mean", "mean of known", "f1", "bleu", "mbleu"]

BLEU_ORDERS = 4
"""N-grams of one to four words, as BLEU-4 has them."""

BLEU_COLUMNS = 2 * BLEU_ORDERS + 2
"""Statistics of a sentence for BLEU: 4 matches + 4 totals of n-grams + 2 lengths."""

CORPUS_VALUES: Mapping[StatisticsKind, tuple[str, ...]] = {
    "f1": ("f1_micro", "f1_macro", "f1_weighted", "f1_samples", "accuracy"),
    "bleu": ("corpus_bleu1", "corpus_bleu2", "corpus_bleu3", "corpus_bleu4"),
    "mbleu": ("corpus_mbleu4",),
}
"""What comes of the sums of each kind but ``mean``, in the order in which it is computed."""


@dataclass(frozen=True)
class RowStatistics:
    """Sufficient statistics of rows, for numbers from 0 to 100 (CIDEr: to 1000)."""

    kind: StatisticsKind
    """How numbers come of the sums. ``mean``: each sum divided by the number of rows. ``mean
    of known``: of each name a sum and the number of rows that have a value. ``f1``: of
    ``relation_statistics``, the averages and then each label's own. ``bleu``: BLEU-1 to BLEU-4 of
    ``Bleu.statistics``. ``mbleu``: of ``MBleu.statistics``, one position after the other, and last
    what a row without an answer adds to the mean."""
    names: tuple[str, ...]
    """What comes of them: ``CORPUS_VALUES`` of the kind, or a name for each column of means; of F1
    a name for each label behind those of the averages."""
    rows: Sequence[Sequence[float]]
    """Of each row its values [rows, columns]."""
