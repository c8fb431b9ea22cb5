"""The curves of a run, thinned to what a screen shows, with their highest and lowest points."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from vsdkit.finetune.run_state import RunState, Steps

__all__ = ["MEASURES", "POINTS", "Measure", "describe_curves", "thin"]

POINTS = 2_000
"""Of a curve, at most: a pixel each on a wide screen."""
_DIGITS = 5
"""That are kept of a number: more than a curve or a table of it shows."""


class Measure(NamedTuple):
    """One number of each step."""

    key: str
    """Its field in metrics.jsonl."""
    title: str
    unit: str = ""
    smooth: bool = False
    """Whether it jumps from step to step, so that a running mean is drawn over it."""
    from_zero: bool = False
    """Whether its axis begins at 0."""


# In the order of the page.
MEASURES = (
    Measure("loss", "loss", "mean over answer tokens", smooth=True),
    Measure("learning_rate", "learning rate", from_zero=True),
    Measure("gradient_norm", "gradient norm", smooth=True, from_zero=True),
    Measure("tokens_per_second", "tokens a second", smooth=True, from_zero=True),
    Measure("memory_gib", "memory", "GiB, most of any process", from_zero=True),
    Measure("mfu", "MFU", "share of the GPUs' peak", smooth=True, from_zero=True),
    Measure("padding", "padding", "share of all tokens", smooth=True, from_zero=True),
    Measure("loss_scale", "loss scale", "fp16"),
)


def describe_curves(run: RunState, *, label: str) -> dict[str, Any]:
    """Return what the page's script draws of a run.

    Args:
        run: The run.
        label: What it is called on the page.
    """
    steps = run.steps
    size = {name: run.plan.get(name) for name in ("rows", "global_batch_size")}
    return {
        "label": label,
        "last": steps.last,
        # What a step is in rows; without it the run is missing from that axis.
        "size": None if run.rows_until(1) is None else size,
        "hours": _hours(steps),
        "skipped": _some(steps.where("skipped")),
        "broken": _some(steps.not_finite("loss")),
        "curves": {
            measure.key: _curve(steps.numbers, steps.columns[measure.key])
            for measure in MEASURES
            if measure.key in steps.columns and not all(map(math.isnan, steps.columns[measure.key]))
        },
    }


def thin(values: Sequence[float], *, points: int = POINTS) -> list[int]:
    """Return places of values that keep the shape of their curve: of each stretch low and high.

    Args:
        values: Of all steps; NaN where there is none.
        points: How many are kept at most; at least 4.

    Returns:
        Places in ascending order, the first and the last among them. A stretch without any value
        keeps its first place, so that it shows as a gap.

    >>> thin([1, 2, 9, 2, 1, 0, 3, 4, 5, 6], points=6)
    [0, 2, 5, 9]
    """
    if len(values) <= points:
        return list(range(len(values)))
    kept = {0, len(values) - 1}
    for first, end in _stretches(len(values), (points - 2) // 2):
        known = [place for place in range(first, end) if not math.isnan(values[place])]
        if known:
            kept.add(min(known, key=values.__getitem__))
            kept.add(max(known, key=values.__getitem__))
        else:
            kept.add(first)
    return sorted(kept)


def _stretches(length: int, count: int) -> Iterator[tuple[int, int]]:
    """Yield the beginning and end of ``count`` stretches of nearly equal length."""
    for number in range(count):
        yield length * number // count, length * (number + 1) // count


def _curve(numbers: Sequence[int], values: Sequence[float]) -> dict[str, Any]:
    places = thin(values)
    curve: dict[str, Any] = {
        "steps": [numbers[place] for place in places],
        "values": [_short(values[place]) for place in places],
    }
    if len(values) > POINTS:
        # Lows and highs have another mean than all steps have: the running mean is made of these.
        means = []
        for first, end in _stretches(len(values), POINTS // 2):
            known = [value for value in values[first:end] if not math.isnan(value)]
            if known:
                means.append((numbers[(first + end) // 2], _short(sum(known) / len(known))))
        curve["means"] = {
            "steps": [step for step, _ in means],
            "values": [value for _, value in means],
        }
    return curve


def _hours(steps: Steps) -> dict[str, Any] | None:
    """Return the hours of training up to some steps, the first and last among them."""
    seconds = steps.columns.get("seconds")
    if not seconds:
        return None
    hours = [
        total / 3600
        for total in accumulate(0.0 if math.isnan(second) else second for second in seconds)
    ]
    count = min(len(hours), POINTS // 2)
    places = sorted({round(place * (len(hours) - 1) / max(count - 1, 1)) for place in range(count)})
    return {
        "steps": [steps.numbers[place] for place in places],
        "values": [round(hours[place], 6) for place in places],
    }


def _some(numbers: list[int]) -> list[int]:
    """Return as many of the steps as a screen shows, evenly."""
    return numbers[:: -(-len(numbers) // POINTS) or 1]


def _short(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.{_DIGITS}g}")
