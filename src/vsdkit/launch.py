"""Run the ``deepspeed`` launcher as a child process that leaves no process behind.

The launcher's exit code says little: it is 0 when its own child was killed. So the caller gives a
check of its own, and what the child did counts, not what the launcher returned.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vsdkit.errors import ConfigError, MissingInputError

__all__ = ["Launch", "count_slots", "free_port", "last_lines", "launcher_path"]

# Often enough for a progress bar.
_TICK_S = 0.2
# From SIGTERM to SIGKILL: time for torch to end its processes, and no longer than a person waits.
_PATIENCE_S = 10.0
# A line of DeepSpeed's host file, as its own parser takes it.
_HOST = re.compile(r"^(\S+)\s+slots=(\d+)")


@dataclass(frozen=True, slots=True)
class Launch:
    """What is started: one Python module in several processes."""

    module: str
    """Run as ``python -m`` does."""
    argument: Path
    """The one argument it gets. One path is all that is passed, since the launcher takes words of
    the script that begin like its own options for its own."""
    processes: int
    """On this machine, or on each machine of the host file."""
    device: str
    """``cuda`` or ``cpu``."""
    hostfile: Path | None = None
    """DeepSpeed's list of machines; None starts everything here."""
    port: int | None = None
    """Where the processes meet; None leaves it to DeepSpeed."""

    def command(self) -> list[str]:
        """Return the launcher's command line.

        Raises:
            MissingInputError: If DeepSpeed is not installed.
        """
        command = [launcher_path()]
        gpus = _chosen_gpus()
        if self.hostfile is not None:
            command += ["--hostfile", str(self.hostfile), "--num_gpus", str(self.processes)]
        elif self.device == "cuda" and gpus:
            # The launcher would drop CUDA_VISIBLE_DEVICES and count from GPU 0.
            command += ["--include", f"localhost:{','.join(gpus[: self.processes])}"]
        else:
            command += ["--num_gpus", str(self.processes)]
        if self.port is not None:
            command += ["--master_port", str(self.port)]
        return [*command, "--no_local_rank", "--module", self.module, str(self.argument)]

    def environment(self) -> dict[str, str]:
        """Return the child's environment."""
        environment = dict(os.environ) | {"TOKENIZERS_PARALLELISM": "false"}
        if self.device == "cpu":
            environment["DS_ACCELERATOR"] = "cpu"
            # Unset, each process takes every core and they wait for each other.
            environment.setdefault("OMP_NUM_THREADS", "1")
        return environment

    def run(self, *, log: Path, tick: Callable[[], None]) -> int:
        """Run it to its end and return the launcher's exit code, which may be 0 after a failure.

        Nothing that was started here outlives this call, whatever ends it: the launcher, its
        processes and their children are one group and are ended together.

        Args:
            log: What the processes print, appended.
            tick: Called about five times a second while they run, and once after.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            child = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=self.environment(),
                # A session, and with it a process group, of its own: what ends all of them at once.
                start_new_session=True,
            )
            try:
                while child.poll() is None:
                    tick()
                    time.sleep(_TICK_S)
            finally:
                _end_group(child)
        tick()
        return child.returncode


def launcher_path() -> str:
    """Return the path of the ``deepspeed`` launcher of this Python's installation.

    Raises:
        MissingInputError: If there is none.
    """
    # Beside this Python first: another environment's launcher on PATH would start its own Python.
    beside = Path(sys.executable).parent / "deepspeed"
    found = str(beside) if beside.is_file() else shutil.which("deepspeed")
    if found is None:
        raise MissingInputError(
            "the deepspeed launcher is not installed",
            where=f"not beside {sys.executable} and not on PATH",
            hint="on Linux: pip install deepspeed",
        )
    return found


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    # Port 0: the system chooses. Another process may take it before it is used; that is rare.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def count_slots(hostfile: Path) -> dict[str, int]:
    """Return the machines of a host file and the GPUs of each.

    Raises:
        MissingInputError: If the file is not there.
        ConfigError: If a line is not ``name slots=number``, or there is none.
    """
    try:
        lines = hostfile.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise MissingInputError(
            f"the host file cannot be read: {error.strerror}", where=str(hostfile)
        ) from error
    slots: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        text = line.split("#")[0].strip()
        if not text:
            continue
        match = _HOST.match(text)
        if match is None or int(match[2]) < 1:
            raise ConfigError(
                f"not a machine and its GPUs: {text!r}",
                where=f"{hostfile}:{number}",
                hint="one machine a line, as: worker-1 slots=8",
            )
        slots[match[1]] = int(match[2])
    if not slots:
        raise ConfigError(
            "no machine in the host file",
            where=str(hostfile),
            hint="one machine a line, as: worker-1 slots=8",
        )
    return slots


def last_lines(log: Path, count: int = 15) -> list[str]:
    """Return the last lines of a log that are not empty."""
    if not log.is_file():
        return []
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if line.strip()][-count:]


def _chosen_gpus(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES names; none where it is not set."""
    chosen = environment.get("CUDA_VISIBLE_DEVICES", "")
    return [gpu.strip() for gpu in chosen.split(",") if gpu.strip()]


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """End the launcher's whole group: SIGTERM first, SIGKILL where that did not do."""
    _signal_group(child.pid, signal.SIGTERM)
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until and _group_lives(child):
        time.sleep(0.05)
    if _group_lives(child):
        _signal_group(child.pid, signal.SIGKILL)
    child.wait()


def _group_lives(child: subprocess.Popen[bytes]) -> bool:
    # Collects the launcher if it has ended: as a zombie it would keep the group alive.
    child.poll()
    try:
        # Signal 0 reaches nobody and fails if nobody is there.
        os.killpg(child.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return
