"""Resampled values of every number, and the differences between systems on the same resamples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from vsdkit.data.records import GoldRow
from vsdkit.formats.align import AlignedRow
from vsdkit.metrics.intervals import Interval, Paired, Resamples, interval, paired_p
from vsdkit.score.measure import F1_OF
from vsdkit.score.numbers import OVERALL, TASK_TOTALS, parts_of
from vsdkit.score.system_scores import SystemScores

__all__ = ["ImageResamples", "differences_of", "intervals_of"]


class ImageResamples:
    """Resamples of gold's images; all systems are held against the same ones.

    Args:
        gold: The gold rows.
        number: How many resamples.
        seed: Of the random choice.
    """

    def __init__(self, gold: Iterable[GoldRow], *, number: int, seed: int) -> None:
        names = dict.fromkeys(row.image for row in gold)
        self._places = {name: place for place, name in enumerate(names)}
        self._resamples = Resamples(len(names), number, seed)

    def sums(
        self, rows: Sequence[AlignedRow], statistics: Sequence[Sequence[float]]
    ) -> list[list[float]]:
        """Return the sums of the rows' statistics over each resample."""
        columns = np.asarray(statistics, dtype=np.float64)
        sums: list[list[float]] = self._resamples.sums(
            self._resamples.by_image(columns, self._images(rows))
        ).tolist()
        return sums

    def values(self, scores: SystemScores, reading: str) -> dict[str, Any]:
        """Return each number's value in each resample, the totals made of their resampled parts."""
        found: dict[str, Any] = {
            key: np.asarray(values) for key, values in scores.resampled.items()
        }
        for task, statistics in scores.statistics.items():
            if not statistics:
                continue
            values = self._resamples.values(self._images(scores.rows(task)), statistics)
            found |= {
                number.key: values[number.value]
                for number in scores.wanted
                if number.task == task and number.value in values
            }
        # Of resampled parts, not of their intervals: the parts are of the same images and move
        # together.
        for total in (*TASK_TOTALS, OVERALL):
            parts = [part.key for part in parts_of(total, reading)]
            if all(key in found for key in parts):
                found[total.key] = total.combine(*(found[key] for key in parts))
        return {key: found[key] for key in scores.numbers if key in found}

    def f1_by_relation(self, scores: SystemScores) -> dict[str, Interval | None]:
        """Return the interval of each relation's F1 in task 1, of the same resamples."""
        statistics = [part for part in scores.statistics.get(1, ()) if part.kind == "f1"]
        values = self._resamples.values(self._images(scores.rows(1)), statistics)
        # Of statistics that there are none nothing comes: gold may have no rows of task 1.
        return {name: interval(values[key]) for name, key in F1_OF.items() if key in values}

    @property
    def images(self) -> int:
        """How many images there are to choose from."""
        return self._resamples.images

    def _images(self, rows: Sequence[AlignedRow]) -> list[int]:
        return [self._places[row.gold.image] for row in rows]


def intervals_of(values: Mapping[str, Any]) -> dict[str, Interval | None]:
    """Return the interval of each number from its resampled values."""
    return {key: interval(one) for key, one in values.items()}


def differences_of(
    first: SystemScores,
    other: SystemScores,
    values: tuple[Mapping[str, Any], Mapping[str, Any]] | None,
) -> dict[str, Paired]:
    """Return, for each number that both have, the other's less the first's.

    Args:
        first: The system that is taken off.
        other: The other system.
        values: The resampled values of both; None without resamples.
    """
    found: dict[str, Paired] = {}
    for key, value in other.numbers.items():
        base = first.numbers.get(key)
        if value is None or base is None:
            continue
        difference = value - base
        if values is None or not all(key in of_system for of_system in values):
            found[key] = Paired(difference, None, None)
            continue
        # Resample by resample: both systems err on the same hard images, which cancels out here.
        apart = values[1][key] - values[0][key]
        found[key] = Paired(difference, interval(apart), paired_p(difference, apart))
    return found
