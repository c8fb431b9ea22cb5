"""Follow the launcher of a run to its end, and raise what its processes failed of."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import orjson

from vsdkit.errors import ChildFailedError, ConfigError, VsdkitError
from vsdkit.finetune.evaluation import EvaluationBar
from vsdkit.finetune.folder import TRAIN_ELSEWHERE, last_checkpoint
from vsdkit.finetune.machines import wait_for_completion
from vsdkit.finetune.plan import Plan
from vsdkit.launch import Launch, last_lines
from vsdkit.launch.ending import Ending, Words
from vsdkit.launch.failure import Failure, read_failures
from vsdkit.launch.heartbeat import Pulse
from vsdkit.launch.watched import LOOK_S, Ended, Watched
from vsdkit.model.run_folder import (
    ADAPTER_WEIGHTS,
    LOG,
    METRICS,
    NODE_LOG,
    is_complete,
)
from vsdkit.progress import Listener, Tracker

__all__ = ["follow"]

_CALLED = "training process"
_WORDS = Words(
    process=_CALLED,
    undone="training ended without its completion mark",
    elsewhere=TRAIN_ELSEWHERE,
    less_memory="take fewer rows at once: --per-device-batch-size; docs/finetuning.md, Memory",
)
_WRONG_WORDS = re.compile(rb"^deepspeed: error: (.*)$", re.MULTILINE)
"""What argparse says of a command line that it cannot read."""


def follow(
    launch: Launch,
    plan: Plan,
    folder: Path,
    *,
    step: int,
    listener: Listener,
    pulse: Pulse | None = None,
) -> None:
    """Start the launcher and return when the run is complete.

    Args:
        launch: What is started.
        plan: The numbers of the run.
        folder: The run's.
        step: Steps done before.
        listener: Hears the command and the progress.
        pulse: Of the first machine, where this is another one and ends with it.

    Raises:
        VsdkitError: If training ended without its completion mark: what the first process that
            failed said, or ``ChildFailedError`` with the last lines of the log.
    """
    log = folder / (NODE_LOG.format(rank=launch.node_rank) if launch.node_rank else LOG)
    listener.message(shlex.join(launch.command()))
    listener.message(f"log: {log}")
    if step:
        listener.message(f"going on from step {step:,}")
    logged = log.stat().st_size if log.is_file() else 0
    exit_code: int | None = None
    with ExitStack() as bars:
        tracker = bars.enter_context(listener.track("fine-tuning", total=plan.steps))
        evaluation = EvaluationBar(folder, listener, bars)
        watched = Watched(launch, folder, called=_CALLED)
        follower = _Follower(watched, folder, tracker, evaluation, pulse)
        try:
            exit_code = launch.run(log=log, tick=follower.tick)
        except Ended as why:
            listener.message(str(why))
        evaluation.forget()
    end = _End(
        Ending(
            launch,
            processes=plan.processes,
            folder=folder,
            log=log,
            logged=logged,
            exit_code=exit_code,
            first_gone=watched.first_gone,
            words=_WORDS,
        )
    )
    if not end.is_good():
        if (folder / ADAPTER_WEIGHTS).is_file():
            listener.message(f"the adapter is trained, and saved in {folder}")
        end.raise_failure()


class _Follower:
    """Moves the bar as lines are appended to metrics.jsonl, and watches the processes."""

    def __init__(
        self,
        watched: Watched,
        folder: Path,
        tracker: Tracker,
        evaluation: EvaluationBar,
        pulse: Pulse | None,
    ) -> None:
        self._watched = watched
        self._folder = folder
        self._tracker = tracker
        self._evaluation = evaluation
        self._pulse = pulse
        self._place = 0
        self._looked = time.monotonic()

    def tick(self, launcher: int) -> None:
        """Read the lines that are whole and new; look at what else there is.

        Raises:
            Ended: If a process has failed or the first machine has ended, and the launcher runs on.
        """
        self._count_steps()
        self._evaluation.tick()
        self._watched.look(launcher)
        now = time.monotonic()
        if self._pulse is None or now - self._looked < LOOK_S:
            return
        self._looked = now
        self._pulse.look()
        if self._pulse.stopped and not is_complete(self._folder):
            raise Ended("the first machine has ended this run: it is ended here too")

    def _count_steps(self) -> None:
        path = self._folder / METRICS
        if not path.is_file():
            return
        with path.open("rb") as file:
            file.seek(self._place)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._place += len(whole)
        lines = whole.splitlines()
        if lines:
            self._tracker.advance(len(lines), **_facts(orjson.loads(lines[-1])))


def _facts(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the bar shows of a row of metrics.jsonl."""
    facts = {"loss": row["loss"]}
    # A row of an older version has no more.
    if "remaining_seconds" in row:
        left = timedelta(seconds=round(row["remaining_seconds"]))
        facts |= {"tokens/s": round(row["tokens_per_second"]), "left": str(left)}
    return facts


class _End:
    """How the launcher of a run ended, and what is to be said of it."""

    def __init__(self, ending: Ending) -> None:
        self._ending = ending
        self._launch = ending.launch
        self._folder = ending.folder

    def is_good(self) -> bool:
        """Say whether the run is complete; its mark may come late from another machine."""
        if self._launch.hostfile is None or self._ending.exit_code != 0:
            return is_complete(self._folder)
        return wait_for_completion(self._folder, failed=lambda: bool(read_failures(self._folder)))

    def raise_failure(self) -> NoReturn:
        """Raise what the first process that failed said, or what the log says last.

        Raises:
            VsdkitError: In any case.
        """
        self._refuse_words()
        own, first_gone = self._ending.own_failures(), self._ending.first_gone
        error = self._ending.error()
        if self._launch.node_rank and first_gone and not own:
            # So that the first machine does not wait for processes that are gone.
            with suppress(VsdkitError):
                Failure.of(
                    error, rank=first_gone[0], folder=self._folder, elsewhere=TRAIN_ELSEWHERE
                ).write(self._folder)
        raise self._completed(error)

    def _refuse_words(self) -> None:
        """Raise if the launcher did not understand its command line: no other start would help."""
        wrong = _WRONG_WORDS.search(self._ending.new_log())
        if wrong is not None and self._launch.extra:
            raise ConfigError(
                f"the launcher refuses its words: {wrong[1].decode(errors='replace')}",
                where=f"deepspeed_args: {shlex.join(self._launch.extra)}",
                hint="what follows the -- goes to it as it is: deepspeed --help",
            )

    def _completed(self, error: VsdkitError) -> VsdkitError:
        """Return the error with the step it came after and the checkpoint to go on from."""
        steps = _last_step(self._folder)
        if steps and not re.search(r"\bstep \d", error.message):
            error.where = f"{error.where}, after step {steps:,}"
        checkpoint = last_checkpoint(self._folder)
        if checkpoint is not None:
            again = (
                "run the same command again: it goes on from the last checkpoint, "
                f"step {checkpoint.step:,} ({checkpoint.path.name})"
            )
        elif isinstance(error, ChildFailedError):
            again = "run the same command again: it goes on from the last checkpoint, if any"
        else:
            return error
        error.hint = f"{error.hint}; then {again}" if error.hint else again
        return error


def _last_step(folder: Path) -> int:
    """Return the last step in metrics.jsonl, 0 if there is none."""
    lines = last_lines(folder / METRICS, 1)
    try:
        return int(orjson.loads(lines[0])["step"]) if lines else 0
    except (orjson.JSONDecodeError, KeyError):
        # Torn by a kill.
        return 0
