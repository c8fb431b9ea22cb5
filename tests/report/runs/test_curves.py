"""Curves are thinned and keep what matters."""

from __future__ import annotations

import math
from array import array
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsdkit.finetune.run_state import RunState, Steps
from vsdkit.report.runs.curves import POINTS, describe_curves, thin


def _run(numbers: list[int], **columns: list[float]) -> RunState:
    steps = Steps(
        array("q", numbers), {name: array("d", values) for name, values in columns.items()}
    )
    plan = {"rows": 20, "global_batch_size": 8, "steps": 100}
    return RunState(Path("runs/a"), "stopped", {}, {}, {}, plan, [], steps, checkpoints=[])


def _curves(run: RunState) -> Any:
    return describe_curves(run, label="a")


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=False), max_size=300),
    st.integers(4, 40),
)
def test_thinned_places_are_few_and_keep_both_ends_and_extremes(
    values: list[float], points: int
) -> None:
    places = thin(values, points=points)
    assert places == sorted(set(places))
    assert len(places) <= max(points, 0)
    known = [value for value in values if not math.isnan(value)]
    kept = [values[place] for place in places]
    if values:
        assert places[0] == 0
        assert places[-1] == len(values) - 1
    if known:
        assert min(known) in kept
        assert max(known) in kept


def test_a_hundred_thousand_steps_are_two_thousand_points_with_their_means() -> None:
    count = 100_000
    losses = [1.0 + (step == 77_777) for step in range(count)]
    run = _run(list(range(1, count + 1)), loss=losses, seconds=[3.6] * count)
    curve = _curves(run)["curves"]["loss"]
    assert len(curve["steps"]) <= POINTS
    assert curve["values"][curve["steps"].index(77_778)] == 2.0
    assert max(curve["means"]["values"]) == pytest.approx(1.01)
    hours = _curves(run)["hours"]
    assert (hours["steps"][-1], hours["values"][-1]) == (count, pytest.approx(100))


def test_gaps_skipped_and_broken_steps_are_told() -> None:
    nan = math.nan
    told = _curves(_run([1, 2, 3], loss=[1.0, nan, 3.0], skipped=[0, 1, 0]))
    assert told["curves"]["loss"] == {"steps": [1, 2, 3], "values": [1.0, None, 3.0]}
    assert (told["skipped"], told["broken"]) == ([2], [2])
    assert told["hours"] is None


def test_columns_without_any_number_make_no_curve() -> None:
    told = _curves(_run([1], loss=[math.nan], mfu=[0.5]))
    assert list(told["curves"]) == ["mfu"]
    assert told["broken"] == [1]


def test_a_run_without_steps_has_no_curves() -> None:
    told = _curves(_run([]))
    assert (told["curves"], told["last"], told["hours"]) == ({}, 0, None)
