"""What numbers of a corpus are summed from, row by row, so that rows can be drawn again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["RowStatistics", "StatisticsKind"]

StatisticsKind = Literal["mean", "f1", "bleu", "mbleu"]


@dataclass(frozen=True)
class RowStatistics:
    """Values of each row whose sums over any rows give numbers of those rows, 0 to 100.

    Args:
        kind: How numbers come of the sums. ``mean``: each sum by the number of rows. ``f1``:
            micro, macro and weighted of ``count_labels``. ``bleu``: BLEU-1 to BLEU-4 of
            ``Bleu.statistics``. ``mbleu``: of ``MBleu.statistics``, one position after the other,
            and last what a row without an answer adds to the mean.
        names: The numbers, in this order.
        rows: Of each row its values.
    """

    kind: StatisticsKind
    names: tuple[str, ...]
    rows: Sequence[Sequence[float]]
