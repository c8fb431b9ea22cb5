"""Bootstrap over images: resampled sums, percentile intervals, p of paired differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vsdkit.metrics.statistics import BLEU_COLUMNS, BLEU_ORDERS, RowStatistics

__all__ = ["Interval", "Paired", "Resamples", "interval", "paired_p"]

Values = NDArray[np.float64]

# pycocoevalcap's own (BleuScorer.compute_score): keep a division by zero away.
_SMALL, _TINY = 1e-9, 1e-15
# 32 MB of counts at a time: a block of resamples of 3,000 images is 1,300 of them.
_VALUES_AT_ONCE = 4_000_000
# The middle 95 %.
_LEVEL = (2.5, 97.5)


class Interval(NamedTuple):
    """The middle 95 % of the resamples."""

    low: float
    """2.5 % of the resampled values lie below."""
    high: float
    """2.5 % of the resampled values lie above."""


class Paired(NamedTuple):
    """A difference between two systems on the same resamples."""

    difference: float
    """The second system's number less the first's."""
    interval: Interval | None
    """Of the resampled differences; None without resamples."""
    p: float | None
    """Of the difference, two-sided; None without resamples."""


@dataclass(frozen=True)
class Resamples:
    """Images chosen with replacement, all rows of an image together; the same for one seed."""

    images: int
    """How many there are; each resample has as many."""
    number: int
    """How many resamples."""
    seed: int
    """Of the random choice."""

    def sums(self, columns: Values) -> Values:
        """Return the sums over each resample.

        Args:
            columns: Of each image its sums [images, columns].

        Returns:
            [resamples, columns]
        """
        return np.concatenate([counts @ columns for counts in self._counts()])

    def by_image(self, rows: Values, image_of_row: Sequence[int]) -> Values:
        """Return the sums [images, columns] of rows [rows, columns] over each image."""
        sums = np.zeros((self.images, rows.shape[1]))
        np.add.at(sums, np.asarray(image_of_row, dtype=np.intp), rows)
        return sums

    def values(
        self, image_of_row: Sequence[int], parts: Sequence[RowStatistics]
    ) -> dict[str, Values]:
        """Return the value of each name in each resample.

        Args:
            image_of_row: Number of each row's image.
            parts: Sufficient statistics of the rows.

        Returns:
            Of each name of the parts [resamples] values, NaN where a resample has no row.
        """
        columns = [np.ones((len(image_of_row), 1))]
        columns += [np.asarray(part.rows, dtype=np.float64) for part in parts]
        totals = self.sums(self.by_image(np.hstack(columns), image_of_row))
        found: dict[str, Values] = {}
        start = 1
        for part, values in zip(parts, columns[1:], strict=True):
            own = totals[:, start : start + values.shape[1]]
            start += values.shape[1]
            found.update(zip(part.names, _COMBINE[part.kind](own, totals[:, 0]), strict=True))
        return found

    def _counts(self) -> Iterator[Values]:
        """Yield how often each image is chosen [resamples, images], a block at a time."""
        random = np.random.default_rng(self.seed)
        block = max(1, _VALUES_AT_ONCE // self.images)
        for start in range(0, self.number, block):
            size = min(block, self.number - start)
            chosen = random.integers(self.images, size=(size, self.images))
            # Each resample counts in numbers of its own, so that one bincount counts them all.
            chosen += self.images * np.arange(size)[:, None]
            counts = np.bincount(chosen.ravel(), minlength=size * self.images)
            yield counts.reshape(size, self.images).astype(np.float64)


def interval(values: Values) -> Interval | None:
    """Return the 95 % percentile interval of resampled values, None if there is no value.

    >>> interval(np.arange(101.0))
    Interval(low=2.5, high=97.5)
    """
    # A resample of images that have no row of a task gives it no value: such are left out, as a
    # percentile of NaN is NaN.
    known = values[~np.isnan(values)]
    if not known.size:
        return None
    low, high = np.percentile(known, _LEVEL)
    return Interval(float(low), float(high))


def paired_p(difference: float, differences: Values) -> float | None:
    """Return p of the difference of two systems, two-sided.

    The resampled differences, moved so that their mean is zero, show how far apart two equal
    systems would lie by the choice of images. p is the share of them that lies at least as far
    from zero as the difference found, where the found one counts as a resample too:
    ``p = (1 + #{|d* - mean d*| >= |d|}) / (1 + #d*)``.

    Args:
        difference: What was found on all images.
        differences: The same in each resample.

    Source:
        Koehn 2004; sacrebleu ``sacrebleu/significance.py`` ``_compute_p_value``, which leaves
        equality out and so calls a system different from itself.
    """
    known = differences[~np.isnan(differences)]
    if not known.size:
        return None
    # The resampled differences spread around the difference found. Moved to zero they spread as
    # those of two equal systems would: the null hypothesis that the found one is held against.
    apart = np.abs(known - known.mean())
    # Differences of equal sums in another order are not exactly equal.
    as_far = int(np.count_nonzero(apart >= abs(difference) - _SMALL))
    return (1 + as_far) / (1 + known.size)


def _divide(above: Values, below: Values) -> Values:
    quotient: Values = np.full(np.broadcast(above, below).shape, np.nan)
    np.divide(above, below, out=quotient, where=below != 0)
    return quotient


def _means(totals: Values, rows: Values) -> list[Values]:
    return [_divide(column, rows) for column in totals.T]


def _means_of_known(totals: Values, rows: Values) -> list[Values]:  # noqa: ARG001
    return [
        _divide(values, known) for values, known in zip(totals.T[::2], totals.T[1::2], strict=True)
    ]


def _f1_averages(totals: Values, rows: Values) -> list[Values]:
    right, wanted, claimed = np.split(totals[:, :-1], 3, axis=1)
    by_label = _divide(200 * right, wanted + claimed)
    occurs = ~np.isnan(by_label)
    known = np.where(occurs, by_label, 0)
    return [
        _divide(200 * right.sum(1), wanted.sum(1) + claimed.sum(1)),
        _divide(known.sum(1), occurs.sum(1)),
        _divide((known * wanted).sum(1), wanted.sum(1)),
        _divide(totals[:, -1], rows),
        _divide(100 * right.sum(1), rows),
        *by_label.T,
    ]


def _bleu_orders(totals: Values, rows: Values) -> list[Values]:
    shared, own = np.split(totals[:, :-2], 2, axis=1)
    length, closest = totals[:, -2], totals[:, -1]
    precisions = np.cumprod((shared + _TINY) / (own + _SMALL), axis=1)
    ratio = (length + _TINY) / (closest + _SMALL)
    brevity = np.exp(np.minimum(0, 1 - 1 / ratio))
    values = 100 * precisions ** (1 / np.arange(1, BLEU_ORDERS + 1)) * brevity[:, None]
    return list(np.where(rows[:, None] > 0, values, np.nan).T)


def _mbleu_corpus(totals: Values, rows: Values) -> list[Values]:
    places = np.split(totals[:, :-1], totals.shape[1] // BLEU_COLUMNS, axis=1)
    corpus = np.mean([_bleu_orders(place, rows)[-1] for place in places], axis=0)
    # A row without an answer has no n-grams, only the 100 of the last column: the corpus value is
    # that of the rows with one, and the others' share of the rows takes their own value.
    lost = _divide(totals[:, -1], rows)
    silent = lost / 100
    return [np.where(silent < 1, (1 - silent) * corpus, 0) + lost]


_COMBINE: Mapping[str, Callable[[Values, Values], list[Values]]] = {
    "mean": _means,
    "mean of known": _means_of_known,
    "f1": _f1_averages,
    "bleu": _bleu_orders,
    "mbleu": _mbleu_corpus,
}
