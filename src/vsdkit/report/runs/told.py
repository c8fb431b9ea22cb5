"""What the page of runs says in words and tables: states, settings that differ, values."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from vsdkit.finetune.run_state import RunState
from vsdkit.finetune.summary import duration
from vsdkit.report.page import readable
from vsdkit.report.runs.curves import MEASURES, Measure

__all__ = [
    "Card",
    "SettingRow",
    "ValueTable",
    "make_card",
    "make_labels",
    "settings_of",
    "values_of",
]

_TOLD_STEPS = 12
"""Rows of a run in the table of values: enough to hear the shape of a curve."""
_NOT_KNOWN = "not known"
"""Of a run whose version did not write it."""
_HASH = 12
"""Characters that are shown of a hash."""


class Card(NamedTuple):
    """A run's state in words."""

    number: int
    """From 1, as in the legend."""
    label: str
    folder: str
    state: str
    """``State`` of the run, which the style knows."""
    told: str
    """Where it is."""
    step: int
    planned: int | None
    numbers: Sequence[tuple[str, str]]
    """Name and value of what is known at the last step."""
    scores: Sequence[tuple[str, Sequence[tuple[str, str]]]]
    """Task to the names and values of its scores at the end."""
    failure: Sequence[str]
    """Message, place and what to do, where it failed."""
    again: str
    """The command that goes on with it; empty if it is complete or under way."""


class SettingRow(NamedTuple):
    """A setting and its value in each run."""

    name: str
    values: Sequence[str]
    origins: Sequence[str]
    """Where each value came from; empty where that is not known."""
    differs: bool


class ValueTable(NamedTuple):
    """The numbers of some steps of a run, for whoever does not see its curves."""

    label: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def make_labels(folders: Sequence[Path]) -> list[str]:
    """Return what runs are called: the folder's name, with as much before it as tells them apart.

    >>> make_labels([Path("a/runs/x"), Path("b/runs/x"), Path("a/runs/y")])
    ['a/runs/x', 'b/runs/x', 'y']
    """
    parts = [Path(os.path.abspath(folder)).parts for folder in folders]
    labels = []
    for own in parts:
        length = 1
        while length < len(own) and sum(one[-length:] == own[-length:] for one in parts) > 1:
            length += 1
        labels.append(readable("/".join(own[-length:])))
    return labels


def make_card(run: RunState, *, number: int, label: str) -> Card:
    """Return what is said of a run.

    Args:
        run: The run.
        number: From 1.
        label: What it is called.
    """
    ended = run.state in ("failed", "stopped")
    evaluation = run.evaluation or {}
    return Card(
        number=number,
        label=label,
        folder=readable(str(run.folder)),
        state=run.state,
        told=_tell(run),
        step=run.steps.last,
        planned=run.planned_steps,
        numbers=_numbers(run),
        scores=[
            (task.replace("task", "task "), [(name, _score(value)) for name, value in of.items()])
            for task, of in evaluation.get("scores", {}).items()
        ],
        failure=[] if run.failure is None else _lines_of_failure(run),
        again=shlex.join(["vsdkit", *run.argv]) if ended and run.argv else "",
    )


def _score(value: float | None) -> str:
    # JSON has null for a number that is none, as of a task without rows.
    return "n/a" if value is None else f"{value:.4f}"


def _tell(run: RunState) -> str:
    done, planned = run.steps.last, run.planned_steps
    at = f"step {done:,}" + (f" of {planned:,}" if planned is not None else "")
    if run.state == "complete":
        return f"complete: {done:,} steps"
    if run.evaluating is not None:
        answered, rows = run.evaluating
        return f"all steps done; answering gold: {answered:,} of {rows:,} rows"
    if run.state == "running":
        left = run.remaining_seconds
        if not done:
            return "running, before its first step"
        return f"running: {at}" + ("" if left is None else f", about {duration(left)} left")
    held = f", goes on from step {run.checkpoints[-1]:,}" if run.checkpoints else ""
    if run.state == "failed":
        return f"failed at {at}{held}"
    return f"stopped at {at}{held}"


def _numbers(run: RunState) -> list[tuple[str, str]]:
    steps = run.steps
    told = [
        (measure.title, _format(measure, value))
        for measure in MEASURES
        if (value := steps.last_of(measure.key)) is not None
    ]
    if seconds := sum(value for value in steps.columns.get("seconds", ()) if isfinite(value)):
        told.append(("time", duration(seconds)))
    if skipped := steps.where("skipped"):
        told.append(("skipped steps", f"{len(skipped):,}"))
    if broken := steps.not_finite("loss"):
        told.append(("steps without a finite loss", f"{len(broken):,}"))
    if run.checkpoints:
        told.append(("checkpoints", ", ".join(f"{step:,}" for step in run.checkpoints)))
    return told


def _lines_of_failure(run: RunState) -> list[str]:
    assert run.failure is not None
    lines = [run.failure.message, f"where: {run.failure.where}", f"do: {run.failure.hint}"]
    return [line for line in lines if not line.endswith(": ")]


def _format(measure: Measure, value: float) -> str:
    """Return a number as the page shows it.

    >>> _format(MEASURES[0], 0.123456), _format(MEASURES[3], 5406.04)
    ('0.1235', '5,406')
    """
    if measure.key == "learning_rate":
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def settings_of(runs: Sequence[RunState]) -> list[SettingRow]:
    """Return every setting of the runs, then what follows from it, each with its values.

    A file's name is no difference where its content is the same.
    """
    rows = []
    for name in dict.fromkeys(name for run in runs for name in run.settings):
        meant = {_shown(_meaning(run, name)) for run in runs}
        rows.append(
            SettingRow(
                name,
                [_shown_setting(run, name) for run in runs],
                [str(run.origins.get(name, "")) for run in runs],
                # Every run has a name of its own.
                differs=len(meant) > 1 and name != "name",
            )
        )
    known = {row.name for row in rows}
    for name in dict.fromkeys(name for run in runs for name in run.plan):
        if name not in known:
            values = [_shown(run.plan.get(name, _NOT_KNOWN)) for run in runs]
            rows.append(SettingRow(name, values, [""] * len(runs), differs=len(set(values)) > 1))
    return rows


def _meaning(run: RunState, name: str) -> Any:
    """Return what a setting came to: the hash of the file that it names, the number it chose."""
    if name not in run.settings:
        return _NOT_KNOWN
    return run.identity.get(name, run.plan.get(name, run.settings[name]))


def _shown_setting(run: RunState, name: str) -> str:
    meant = _meaning(run, name)
    value = run.settings.get(name, meant)
    return _shown(value) if meant == value else f"{_shown(value)} ({_shown(meant)[:_HASH]})"


def _shown(value: Any) -> str:
    """Return a setting's value in one line.

    >>> _shown(["a", 1]), _shown(None), _shown(False), _shown(2e-05)
    ('a, 1', 'none', 'no', '2e-05')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "none"
    return "none" if value is None else str(value)


def values_of(run: RunState, *, label: str) -> ValueTable:
    """Return some steps of a run with their numbers, the first and the last among them."""
    steps = run.steps
    measures = [measure for measure in MEASURES if measure.key in steps.columns]
    count = min(len(steps), _TOLD_STEPS)
    places = sorted({round(one * (len(steps) - 1) / max(count - 1, 1)) for one in range(count)})
    skipped = set(steps.where("skipped"))
    rows = []
    for place in places:
        step = steps.numbers[place]
        cells = [f"{step:,}" + (" (skipped)" if step in skipped else "")]
        for measure in measures:
            value = steps.columns[measure.key][place]
            cells.append(_format(measure, value) if isfinite(value) else "not a number")
        rows.append(cells)
    return ValueTable(label, ["step", *(measure.title for measure in measures)], rows)
