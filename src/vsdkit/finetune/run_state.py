"""What a run's folder tells of it, while it trains or afterwards; nothing in the folder is changed.

The other end of what ``job.py``, ``callbacks.py`` and ``finish.py`` write.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson

from vsdkit.data.jsonl import read_so_far
from vsdkit.errors import DataError, MissingInputError
from vsdkit.finetune.folder import whole_checkpoints
from vsdkit.finetune.plan import rows_until
from vsdkit.launch.failure import Failure, read_failures
from vsdkit.launch.heartbeat import is_beating
from vsdkit.manifest import read_manifest
from vsdkit.model.run_folder import EVAL_PROGRESS, JOB, METRICS, RUN

__all__ = ["Progress", "RunState", "State", "Steps", "read_run", "read_steps"]

State = Literal["complete", "running", "evaluating", "failed", "stopped"]
"""Where a run is: ``failed`` left an error, ``stopped`` was ended or killed."""

_PLANNED = (
    *("rows", "pictures", "device", "processes", "global_batch_size", "per_device_batch_size"),
    *("accumulation", "steps", "warmup_steps", "save_steps", "zero_stage"),
    *("gradient_checkpointing", "trainable_parameters"),
)
"""Of ``Plan``, what is told of a run; ``finish.py`` writes it among the facts of run.json."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of a run so far, in columns: 100,000 of them as objects would take 100 MB."""

    numbers: array[int]
    """The step of each row, ascending."""
    columns: Mapping[str, array[float]]
    """Field of metrics.jsonl to its values, as many as there are steps; NaN where a step has none,
    or none that is finite: JSON has null there. Fields that no step has are left out."""

    def __len__(self) -> int:
        """Return how many steps there are."""
        return len(self.numbers)

    @property
    def last(self) -> int:
        """The last step; 0 before the first."""
        return self.numbers[-1] if self.numbers else 0

    def last_of(self, column: str) -> float | None:
        """Return the value of the last step; None if it has none that is finite."""
        values = self.columns.get(column)
        return None if not values or math.isnan(values[-1]) else values[-1]

    def where(self, column: str) -> list[int]:
        """Return the steps at which a column is true."""
        values = self.columns.get(column, ())
        return [step for step, value in zip(self.numbers, values, strict=False) if value == 1]

    def not_finite(self, column: str) -> list[int]:
        """Return the steps that have no finite value."""
        values = self.columns.get(column, ())
        return [
            step for step, value in zip(self.numbers, values, strict=False) if math.isnan(value)
        ]


class Progress(NamedTuple):
    """How far the answers to gold are, at the end of training."""

    answered: int
    rows: int


@dataclass(frozen=True, slots=True)
class RunState:
    """A run as its folder tells it at one moment."""

    folder: Path
    state: State
    settings: Mapping[str, Any]
    """The resolved settings; empty if the folder does not tell them."""
    origins: Mapping[str, str]
    """Setting to where its value came from."""
    identity: Mapping[str, Any]
    """What its result depends on: settings and hashes."""
    plan: Mapping[str, Any]
    """Of ``Plan``, what is known."""
    argv: Sequence[str]
    """The words of the command that began it or went on with it last."""
    steps: Steps
    checkpoints: Sequence[int]
    """Steps of the whole checkpoints; none when it is complete."""
    evaluation: Mapping[str, Any] | None = None
    """What run.json says of the answers at the end."""
    evaluating: Progress | None = None
    """How far they are, while they are made."""
    failure: Failure | None = None
    """What the first process that failed left."""

    @property
    def planned_steps(self) -> int | None:
        """Steps of the whole run, if known."""
        steps = self.plan.get("steps")
        return steps if isinstance(steps, int) else None

    @property
    def remaining_seconds(self) -> float | None:
        """Of the steps to come, as the last one told it; None if nobody trains."""
        return self.steps.last_of("remaining_seconds") if self.state == "running" else None

    def rows_until(self, step: int) -> int | None:
        """Return how many rows were learned from up to a step; None for a run that says too little.

        Args:
            step: Counted from 1.
        """
        rows, batch = self.plan.get("rows"), self.plan.get("global_batch_size")
        if not (isinstance(rows, int) and isinstance(batch, int) and rows > 0 and batch > 0):
            return None
        return rows_until(step, rows=rows, global_batch_size=batch)


def read_run(folder: Path) -> RunState:
    """Return what a run's folder tells of it.

    Raises:
        MissingInputError: If the folder holds no run of ``vsdkit finetune``.
        DataError: If one of its files is damaged.
    """
    record = read_manifest(folder / RUN) if (folder / RUN).is_file() else {}
    job = read_manifest(folder / JOB) if (folder / JOB).is_file() else {}
    # While it opens its images it has a heartbeat alone.
    is_run = bool(job or record) or is_beating(folder)
    if not is_run or record.get("command", "finetune") != "finetune":
        raise MissingInputError(
            "no run of vsdkit finetune in this folder",
            where=str(folder),
            hint="name a run's folder, as runs/NAME",
        )
    complete = record.get("complete") is True
    facts = record if complete else job
    planned = record if complete else _mapping(job, "plan")
    failures = [] if complete else read_failures(folder)
    evaluating = None if complete else _read_progress(folder)
    state: State = "complete"
    if not complete and is_beating(folder):
        # Before the failure: a run that is started again has the old one until its steps begin.
        state = "running" if evaluating is None else "evaluating"
    elif not complete:
        state = "failed" if failures else "stopped"
    evaluation = record.get("evaluation")
    return RunState(
        folder=folder,
        state=state,
        settings=_mapping(facts, "settings"),
        origins=_mapping(facts, "origins"),
        identity=_mapping(facts, "identity"),
        plan={name: planned[name] for name in _PLANNED if name in planned},
        argv=[str(word) for word in facts.get("argv", ())],
        steps=read_steps(folder / METRICS),
        checkpoints=[checkpoint.step for checkpoint in whole_checkpoints(folder)],
        evaluation=evaluation if isinstance(evaluation, dict) else None,
        evaluating=evaluating if state == "evaluating" else None,
        failure=failures[0] if state == "failed" else None,
    )


def read_steps(path: Path) -> Steps:
    """Return the steps in a metrics.jsonl; none if there is no such file yet.

    A run that went on from a checkpoint may have written steps twice: what is behind the checkpoint
    counts as it was written later.

    Raises:
        DataError: If a row is wrong; file and line are named.
    """
    numbers = array("q")
    columns: dict[str, array[float]] = {}
    for line, row in read_so_far(path) if path.is_file() else ():
        step = row.pop("step", None)
        if isinstance(step, bool) or not isinstance(step, int) or step < 1:
            raise DataError(
                f"field 'step' must be a whole number from 1 on, got {step!r}",
                where=f"{path}:{line}",
                hint="put the file back as the run wrote it",
            )
        while numbers and numbers[-1] >= step:
            numbers.pop()
            for values in columns.values():
                values.pop()
        for name, value in row.items():
            if name not in columns:
                columns[name] = array("d", [math.nan]) * len(numbers)
            columns[name].append(_number(value))
        numbers.append(step)
        for values in columns.values():
            if len(values) < len(numbers):
                values.append(math.nan)
    return Steps(numbers, columns)


def _number(value: object) -> float:
    # True counts as 1: whether a step was skipped.
    is_finite = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if is_finite else math.nan  # type: ignore[arg-type]


def _mapping(facts: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an object of run.json or job.json; empty in that of a version that has none."""
    value = facts.get(name)
    return value if isinstance(value, dict) else {}


def _read_progress(folder: Path) -> Progress | None:
    path = folder / EVAL_PROGRESS
    try:
        told = orjson.loads(path.read_bytes())
        return Progress(int(told["answered"]), int(told["rows"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"cannot be read: {error}", where=str(path), hint="remove it: it only shows progress"
        ) from error
