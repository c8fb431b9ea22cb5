"""Follow the launcher of a run to its end, and raise what its processes failed of."""

from __future__ import annotations

import re
import shlex
import signal
import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import orjson

from vsdkit.errors import ChildFailedError, ConfigError, VsdkitError
from vsdkit.finetune.evaluation import EvaluationBar
from vsdkit.finetune.failure import Failure, read_failures
from vsdkit.finetune.folder import last_checkpoint
from vsdkit.finetune.heartbeat import Pulse
from vsdkit.finetune.machines import wait_for_completion
from vsdkit.finetune.plan import Plan
from vsdkit.launch import Launch, last_lines
from vsdkit.model.run_folder import (
    ADAPTER_WEIGHTS,
    FAILURE,
    LOG,
    METRICS,
    NODE_LOG,
    is_complete,
)
from vsdkit.progress import Listener, Tracker

__all__ = ["follow"]

_SHOWN_LINES = 15
_LOOK_S = 2.0
"""Between two looks at what is seldom there; the disk may be a shared one."""
_GRACE_S = 40.0
"""From a process's failure to the end of all: the launcher of its own machine takes up to 30 s."""
_EXIT_CODE = re.compile(rb"exits with return code = (-?\d+)")
"""What DeepSpeed's launch.py logs of the process that made it end the others."""
_WRONG_WORDS = re.compile(rb"^deepspeed: error: (.*)$", re.MULTILINE)
"""What argparse says of a command line that it cannot read."""
_LOST_SIGHT = re.compile("Connection|connection|closed by peer|reset by peer|remote process exited")
"""In the error of a process that another one left alone: gloo's words, and NCCL's."""
_PROBE_BYTES = 1 << 16
"""As much as the record of a failure takes."""


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
        follower = _Follower(launch, plan, folder, tracker, evaluation, pulse)
        try:
            exit_code = launch.run(log=log, tick=follower.tick)
        except _Ended as why:
            listener.message(str(why))
        evaluation.forget()
    end = _End(launch, plan, folder, log, exit_code, logged, follower.first_gone)
    if not end.is_good():
        if (folder / ADAPTER_WEIGHTS).is_file():
            listener.message(f"the adapter is trained, and saved in {folder}")
        end.raise_failure()


class _Ended(Exception):  # noqa: N818
    """There is no use in waiting for the launcher any longer."""


class _Follower:
    """Moves the bar as lines are appended to metrics.jsonl, and watches the processes."""

    def __init__(
        self,
        launch: Launch,
        plan: Plan,
        folder: Path,
        tracker: Tracker,
        evaluation: EvaluationBar,
        pulse: Pulse | None,
    ) -> None:
        self._folder = folder
        self._tracker = tracker
        self._evaluation = evaluation
        self._pulse = pulse
        self._place = 0
        self._looked = time.monotonic()
        self._failed_since: float | None = None
        # Of other machines nothing can be seen from here.
        self._watched = 0 if launch.by_ssh else plan.processes_a_machine
        self._ranks: dict[Any, int] = {}
        self.first_gone: list[int] = []
        """Ranks of this machine that were seen to end first; several if at one look."""

    def tick(self, launcher: int) -> None:
        """Read the lines that are whole and new; look at what else there is.

        Raises:
            _Ended: If a process has failed or the first machine has ended, and the launcher runs
                on: it does not see the processes of other machines.
        """
        self._count_steps()
        self._evaluation.tick()
        if self._watched and not self.first_gone:
            self._look_at_processes(launcher)
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return
        self._looked = now
        if self._failed_since is None and any(self._folder.glob(FAILURE.format(rank="*"))):
            self._failed_since = now
        if self._failed_since is not None and now - self._failed_since > _GRACE_S:
            raise _Ended("a training process has failed: the others are ended")
        if self._pulse is not None:
            self._pulse.look()
            if self._pulse.stopped and not is_complete(self._folder):
                raise _Ended("the first machine has ended this run: it is ended here too")

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

    def _look_at_processes(self, launcher: int) -> None:
        """Note which training process ends first; the launcher's log does not name it."""
        import psutil

        if len(self._ranks) == self._watched:
            self.first_gone = sorted(
                rank for process, rank in self._ranks.items() if _has_ended(process)
            )
            return
        try:
            # Launcher, launch.py, training process; the loader's workers are one deeper.
            for middle in psutil.Process(launcher).children():
                for process in middle.children():
                    self._ranks[process] = int(process.environ()["RANK"])
        except (psutil.Error, OSError, KeyError):
            # Just started or just ended: looked at again.
            return


def _facts(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the bar shows of a row of metrics.jsonl."""
    facts = {"loss": row["loss"]}
    # A row of an older version has no more.
    if "remaining_seconds" in row:
        left = timedelta(seconds=round(row["remaining_seconds"]))
        facts |= {"tokens/s": round(row["tokens_per_second"]), "left": str(left)}
    return facts


def _has_ended(process: Any) -> bool:
    import psutil

    try:
        # A zombie until the launcher looks, which it does every second.
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class _End:
    """How a launcher ended, and what is to be said of it."""

    def __init__(
        self,
        launch: Launch,
        plan: Plan,
        folder: Path,
        log: Path,
        exit_code: int | None,
        logged: int,
        first_gone: list[int],
    ) -> None:
        self._launch = launch
        self._processes = plan.processes
        self._folder = folder
        self._log = log
        self._exit_code = exit_code
        self._logged = logged
        self._first_gone = first_gone

    def is_good(self) -> bool:
        """Say whether the run is complete; its mark may come late from another machine."""
        if self._launch.hostfile is None or self._exit_code != 0:
            return is_complete(self._folder)
        return wait_for_completion(self._folder, failed=lambda: bool(read_failures(self._folder)))

    def raise_failure(self) -> NoReturn:
        """Raise what the first process that failed said, or what the log says last.

        Raises:
            VsdkitError: In any case.
        """
        failures = read_failures(self._folder)
        self._refuse_words()
        # One that only lost sight of another is not the one that failed.
        own = [one for one in failures if not _LOST_SIGHT.search(one.message)]
        error = self._of_process(own[0]) if own else self._of_killed(failures)
        if not own and not _has_room(self._folder):
            error = VsdkitError(
                "the disk is full, or its quota used up",
                where=str(self._folder),
                hint="make room there (df -h), or train elsewhere: --runs FOLDER",
            )
        if self._launch.node_rank and self._first_gone and not own:
            # So that the first machine does not wait for processes that are gone.
            with suppress(VsdkitError):
                Failure.of(error, rank=self._first_gone[0], folder=self._folder).write(self._folder)
        raise self._completed(error)

    def _refuse_words(self) -> None:
        """Raise if the launcher did not understand its command line: no other start would help."""
        wrong = _WRONG_WORDS.search(self._new_log())
        if wrong is not None and self._launch.extra:
            raise ConfigError(
                f"the launcher refuses its words: {wrong[1].decode(errors='replace')}",
                where=f"deepspeed_args: {shlex.join(self._launch.extra)}",
                hint="what follows the -- goes to it as it is: deepspeed --help",
            )

    def _of_process(self, failure: Failure) -> VsdkitError:
        name = self._name(failure.rank, failure.host)
        error = failure.error()
        if error is None:
            lines = failure.traceback.splitlines()[-_SHOWN_LINES:]
            return self._with_lines(f"{name} failed: {failure.type}", lines)
        return error if self._launch.hostfile is None else error.at(name)

    def _of_killed(self, failures: list[Failure]) -> VsdkitError:
        """Return what is known where no process said what was wrong with itself."""
        found = _EXIT_CODE.search(self._new_log())
        how = _name_exit(int(found[1])) if found else "ended without a word"
        if "SIGKILL" in how:
            # The system's way when memory runs out.
            how += ", perhaps for memory"
        silent = sorted(set(range(self._processes)) - {one.rank for one in failures})
        if found and len(self._first_gone) == 1:
            what = f"{self._name(self._first_gone[0], socket.gethostname())} {how}"
        elif failures and silent:
            what = f"{self._name(silent[0])} {how}"
        elif found:
            what = f"one of {self._processes} training processes {how}"
        elif self._exit_code is None:
            what = "the first machine has ended this run"
        elif self._exit_code < 0:
            what = f"the deepspeed launcher {_name_exit(self._exit_code)}"
        else:
            what = (
                "training ended without its completion mark "
                f"(the launcher's exit code: {self._exit_code})"
            )
        return self._with_lines(what, last_lines(self._log, _SHOWN_LINES))

    def _with_lines(self, what: str, lines: list[str]) -> VsdkitError:
        hint = ""
        if any("OutOfMemory" in line for line in lines):
            hint = "take fewer rows at once: --per-device-batch-size; docs/finetuning.md, Memory"
        shown = "\n".join(f"    {line}" for line in lines)
        return ChildFailedError(f"{what}\n{shown}", where=str(self._log), hint=hint)

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

    def _name(self, rank: int, host: str = "") -> str:
        name = f"training process {rank} of {self._processes}"
        return f"{name} on {host}" if host and self._launch.hostfile is not None else name

    def _new_log(self) -> bytes:
        """Return what was logged since this start."""
        if not self._log.is_file():
            return b""
        with self._log.open("rb") as file:
            file.seek(self._logged)
            return file.read()


def _name_exit(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed ({name})"


def _last_step(folder: Path) -> int:
    """Return the last step in metrics.jsonl, 0 if there is none."""
    lines = last_lines(folder / METRICS, 1)
    try:
        return int(orjson.loads(lines[0])["step"]) if lines else 0
    except (orjson.JSONDecodeError, KeyError):
        # Torn by a kill.
        return 0


def _has_room(folder: Path) -> bool:
    """Say whether a small file can be written: a full disk keeps processes from telling."""
    probe = folder / ".room.part"
    try:
        with probe.open("wb") as file:
            file.write(bytes(_PROBE_BYTES))
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)
    return True
