"""What is to be told of a launcher that ended although its work was not done."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vsdkit.errors import ChildFailedError, VsdkitError
from vsdkit.launch.failure import Failure, read_failures
from vsdkit.launch.launcher import Launch, last_lines

__all__ = ["Ending", "Words"]

_SHOWN_LINES = 15
_EXIT_CODE = re.compile(rb"exits with return code = (-?\d+)")
"""What DeepSpeed's launch.py logs of the process that made it end the others."""
_LOST_SIGHT = re.compile("Connection|connection|closed by peer|reset by peer|remote process exited")
"""In the error of a process that another one left alone: gloo's words, and NCCL's."""
_PROBE_BYTES = 1 << 16
"""As much as the record of a failure takes."""


@dataclass(frozen=True, slots=True)
class Words:
    """How a command's processes are spoken of."""

    process: str
    """What one is called."""
    undone: str
    """What is said where nothing is known but that the work is not done."""
    elsewhere: str
    """What can be done about a full disk in place of making room."""
    less_memory: str
    """What can be done where a GPU's memory runs out."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a launcher ended."""

    launch: Launch
    processes: int
    """How many there were, on all machines."""
    folder: Path
    """Where they leave what they failed of."""
    log: Path
    logged: int
    """Bytes of the log before this start."""
    exit_code: int | None
    """The launcher's; None if it was ended from here."""
    first_gone: Sequence[int]
    """Ranks of this machine that were seen to end first."""
    words: Words
    meet: bool = True
    """Whether the processes talk to each other: one that failed is then lost by the others."""

    def own_failures(self) -> list[Failure]:
        """Return the failures of processes that did not just lose sight of another one."""
        return [
            one
            for one in read_failures(self.folder)
            if not (self.meet and _LOST_SIGHT.search(one.message))
        ]

    def error(self) -> VsdkitError:
        """Return what the first process that failed said, or what else is known."""
        own = self.own_failures()
        if own:
            return self._of_process(own[0])
        if not _has_room(self.folder):
            return VsdkitError(
                "the disk is full, or its quota used up",
                where=str(self.folder),
                hint=f"make room there (df -h), or {self.words.elsewhere}",
            )
        return self._of_killed(read_failures(self.folder))

    def new_log(self) -> bytes:
        """Return what was logged since this start."""
        if not self.log.is_file():
            return b""
        with self.log.open("rb") as file:
            file.seek(self.logged)
            return file.read()

    def _of_process(self, failure: Failure) -> VsdkitError:
        name = self._name(failure.rank, failure.host)
        error = failure.error()
        if error is None:
            lines = failure.traceback.splitlines()[-_SHOWN_LINES:]
            return self._with_lines(f"{name} failed: {failure.type}", lines)
        return error if self.launch.hostfile is None else error.at(name)

    def _of_killed(self, failures: Sequence[Failure]) -> VsdkitError:
        """Return what is known where no process said what was wrong with itself."""
        found = _EXIT_CODE.search(self.new_log())
        how = _name_exit(int(found[1])) if found else "ended without a word"
        if "SIGKILL" in how:
            # The system's way when memory runs out.
            how += ", perhaps for memory"
        silent = sorted(set(range(self.processes)) - {one.rank for one in failures})
        if found and len(self.first_gone) == 1:
            what = f"{self._name(self.first_gone[0], socket.gethostname())} {how}"
        elif failures and silent:
            what = f"{self._name(silent[0])} {how}"
        elif found:
            what = f"one of {self.processes} {self.words.process}es {how}"
        elif self.exit_code is None:
            what = "the first machine has ended this run"
        elif self.exit_code < 0:
            what = f"the deepspeed launcher {_name_exit(self.exit_code)}"
        else:
            what = f"{self.words.undone} (the launcher's exit code: {self.exit_code})"
        return self._with_lines(what, last_lines(self.log, _SHOWN_LINES))

    def _with_lines(self, what: str, lines: Sequence[str]) -> VsdkitError:
        hint = self.words.less_memory if any("OutOfMemory" in line for line in lines) else ""
        shown = "\n".join(f"    {line}" for line in lines)
        return ChildFailedError(f"{what}\n{shown}", where=str(self.log), hint=hint)

    def _name(self, rank: int, host: str = "") -> str:
        name = f"{self.words.process} {rank} of {self.processes}"
        return f"{name} on {host}" if host and self.launch.hostfile is not None else name


def _name_exit(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed ({name})"


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
