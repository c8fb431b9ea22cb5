"""Follow the launcher of a run to its end, and raise what its processes failed of."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import NoReturn

import orjson

from vsdkit import errors
from vsdkit.errors import ChildFailedError, VsdkitError
from vsdkit.finetune.plan import Plan
from vsdkit.launch import Launch, last_lines
from vsdkit.model.run_folder import FAILURE, LOG, METRICS, is_complete
from vsdkit.progress import Listener, Tracker

__all__ = ["follow"]

_SHOWN_LINES = 15


def follow(launch: Launch, plan: Plan, folder: Path, *, step: int, listener: Listener) -> None:
    """Start the launcher and return when the run is complete.

    Args:
        launch: What is started.
        plan: The numbers of the run.
        folder: The run's.
        step: Steps done before.
        listener: Hears the command and the progress.

    Raises:
        VsdkitError: If training ended without its completion mark: what the first process that
            failed said, or ``ChildFailedError`` with the last lines of the log.
    """
    listener.message(shlex.join(launch.command()))
    listener.message(f"log: {folder / LOG}")
    if step:
        listener.message(f"going on from step {step:,}")
    with listener.track("fine-tuning", total=plan.steps) as tracker:
        follower = _Follower(folder / METRICS, tracker)
        exit_code = launch.run(log=folder / LOG, tick=follower.tick)
    if not is_complete(folder):
        _raise_failure(folder, plan.processes, exit_code)


class _Follower:
    """Moves the bar as lines are appended to metrics.jsonl."""

    def __init__(self, path: Path, tracker: Tracker) -> None:
        self._path = path
        self._tracker = tracker
        self._place = 0

    def tick(self) -> None:
        """Read the lines that are whole and new."""
        if not self._path.is_file():
            return
        with self._path.open("rb") as file:
            file.seek(self._place)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._place += len(whole)
        lines = whole.splitlines()
        if lines:
            self._tracker.advance(len(lines), loss=orjson.loads(lines[-1])["loss"])


def _raise_failure(folder: Path, processes: int, exit_code: int) -> NoReturn:
    """Raise what the first process that failed said, or what the log says last."""
    failures = [orjson.loads(path.read_bytes()) for path in folder.glob(FAILURE.format(rank="*"))]
    if failures:
        first = min(failures, key=lambda failure: failure["time"])
        kind = getattr(errors, first["type"], None)
        if isinstance(kind, type) and issubclass(kind, VsdkitError):
            raise kind(first["message"], where=first["where"], hint=first["hint"])
        lines = first["traceback"].splitlines()[-_SHOWN_LINES:]
        what = f"training process {first['rank']} failed: {first['type']}"
        silent = sorted(set(range(processes)) - {failure["rank"] for failure in failures})
        if silent and "Connection" in first["message"]:
            # It only lost sight of another one, which is the one that failed.
            what = (
                f"training process {silent[0]} of {processes} ended without a word: killed, "
                "perhaps for memory"
            )
    else:
        lines = last_lines(folder / LOG, _SHOWN_LINES)
        what = f"training ended without its completion mark (the launcher's exit code: {exit_code})"
    hint = "run the same command again: it goes on from the last checkpoint"
    if any("OutOfMemory" in line for line in lines):
        hint = "take fewer rows at once: --per-device-batch-size; docs/finetuning.md, Memory"
    shown = "\n".join(f"    {line}" for line in lines)
    raise ChildFailedError(f"{what}\n{shown}", where=str(folder / LOG), hint=hint)
