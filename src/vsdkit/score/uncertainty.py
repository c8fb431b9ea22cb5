"""Error bars of every number, and the differences between systems, on the same resamples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from vsdkit.data.records import GoldRow
from vsdkit.metrics.intervals import Interval, Paired, Resamples, interval, paired_p
from vsdkit.score.align import Pair
from vsdkit.score.sheet import COUNTS, SAME, TOTALS, Sheet

__all__ = ["Drawn", "differences_of", "intervals_of"]


class Drawn:
    """The images of gold, drawn again and again; all systems are held against the same draws.

    Args:
        gold: The gold rows.
        number: How many resamples.
        seed: Of the random choice.
    """

    def __init__(self, gold: Iterable[GoldRow], *, number: int, seed: int) -> None:
        names = dict.fromkeys(row.image for row in gold)
        self._places = {name: place for place, name in enumerate(names)}
        self._resamples = Resamples(len(names), number, seed)

    def sums(self, pairs: Sequence[Pair], rows: Sequence[Sequence[float]]) -> list[list[float]]:
        """Return the sums of the rows' values over each resample."""
        sums: list[list[float]] = self._resamples.sums(
            self._resamples.by_image(np.asarray(rows, dtype=np.float64), self._images(pairs))
        ).tolist()
        return sums

    def values(self, sheet: Sheet, reading: str) -> dict[str, Any]:
        """Return each number's value in each resample, the totals made of their resampled parts."""
        found: dict[str, Any] = {
            name: np.asarray(values) for name, values in sheet.resampled.items()
        }
        for task, parts in sheet.sums.items():
            if parts:
                found.update(self._resamples.values(self._images(sheet.pairs(task)), parts))
        found |= {name: found[same] for name, same in SAME.items() if same in found}
        for total in TOTALS[reading]:
            if all(part in found for part in total.parts):
                found[total.name] = total.combine(*(found[part] for part in total.parts))
        return {name: found[name] for name in sheet.numbers if name in found}

    @property
    def images(self) -> int:
        """How many images there are to draw from."""
        return self._resamples.images

    def _images(self, pairs: Sequence[Pair]) -> list[int]:
        return [self._places[pair.gold.image] for pair in pairs]


def intervals_of(values: Mapping[str, Any]) -> dict[str, Interval | None]:
    """Return the interval of each number from its resampled values."""
    return {name: interval(one) for name, one in values.items()}


def differences_of(
    first: Sheet,
    other: Sheet,
    values: tuple[Mapping[str, Any], Mapping[str, Any]] | None,
) -> dict[str, Paired]:
    """Return, for each number that both have, the other's less the first's.

    Args:
        first: Of the system that is taken off.
        other: Of the other system.
        values: The resampled values of both; None without resamples.
    """
    found: dict[str, Paired] = {}
    for name, value in other.numbers.items():
        if name.endswith(COUNTS):
            continue
        base = first.numbers.get(name)
        if value is None or base is None:
            continue
        difference = value - base
        if values is None or not all(name in of_system for of_system in values):
            found[name] = Paired(difference, None, None)
            continue
        apart = values[1][name] - values[0][name]
        found[name] = Paired(difference, interval(apart), paired_p(difference, apart))
    return found
