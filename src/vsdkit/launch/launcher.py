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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vsdkit.errors import MissingInputError
from vsdkit.launch.hostfile import count_slots

__all__ = [
    "PARENT",
    "Launch",
    "cpu_is_asked_for",
    "free_port",
    "last_lines",
    "launcher_path",
    "restore_visible_gpus",
]

# Often enough for a progress bar.
_TICK_S = 0.2
# From SIGTERM to SIGKILL: time for torch to end its processes, and no longer than a person waits.
_PATIENCE_S = 10.0
# CUDA's list of GPUs: numbers, or names that begin with GPU- or MIG-.
_VISIBLE = "CUDA_VISIBLE_DEVICES"
# The same list on its way past the launcher, which reads numbers only and drops the variable.
_CARRIED = "VSDKIT_VISIBLE_DEVICES"
PARENT = "VSDKIT_PARENT"
"""Variable of a started process: who started the launcher, if that was on its own machine."""
# DeepSpeed's own choice of device.
_ACCELERATOR = "DS_ACCELERATOR"


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
    extra: tuple[str, ...] = ()
    """Further words for the launcher, as they are."""
    address: str | None = None
    """Machine on which they meet; None takes the first of the host file."""
    node_rank: int | None = None
    """Place of this machine in the host file, counted from 0, where each machine starts its own
    processes; None starts those of all machines from here, by pdsh and ssh."""

    def command(self, launcher: str | None = None) -> list[str]:
        """Return the launcher's command line.

        Args:
            launcher: The program; None looks for it.

        Raises:
            MissingInputError: If DeepSpeed is not installed.
        """
        command = [launcher or launcher_path()]
        if self.device == "cuda" and self.hostfile is None:
            # Places in the list of visible GPUs: see restore_visible_gpus.
            places = ",".join(map(str, range(self.processes)))
            command += ["--include", f"localhost:{places}"]
        else:
            # Of a CPU the launcher knows the sockets, and would find no place 1 on most machines.
            command += ["--num_gpus", str(self.processes)]
        # Not left out: the launcher would read /job/hostfile, where a cluster may have put one.
        command += ["--hostfile", str(self.hostfile or os.devnull)]
        if self.hostfile is not None and self.node_rank is not None:
            # Without an address the launcher would ask the first machine for one, by ssh.
            address = self.address or next(iter(count_slots(self.hostfile)))
            command += ["--no_ssh", "--node_rank", str(self.node_rank), "--master_addr", address]
        elif self.address is not None:
            command += ["--master_addr", self.address]
        if self.port is not None:
            command += ["--master_port", str(self.port)]
        command += [*self.extra, "--no_local_rank", "--module", self.module, str(self.argument)]
        return command

    def environment(self) -> dict[str, str]:
        """Return the child's environment."""
        environment = dict(os.environ) | {"TOKENIZERS_PARALLELISM": "false"}
        # One that was left by a run around this one says nothing about this one.
        environment.pop(_CARRIED, None)
        environment[PARENT] = str(os.getpid())
        if not self.by_ssh and _VISIBLE in environment:
            environment[_CARRIED] = environment[_VISIBLE]
        if self.device == "cpu":
            environment[_ACCELERATOR] = "cpu"
            # Unset, each process takes every core and they wait for each other.
            environment.setdefault("OMP_NUM_THREADS", "1")
        return environment

    @property
    def by_ssh(self) -> bool:
        """Whether processes of other machines are started from here."""
        return self.hostfile is not None and self.node_rank is None

    def run(self, *, log: Path, tick: Callable[[int], None]) -> int:
        """Run it to its end and return the launcher's exit code, which may be 0 after a failure.

        Nothing that was started on this machine outlives this call, whatever ends it: the
        launcher, its processes and their children are one group and are ended together. Processes
        of other machines have to see for themselves that nobody waits for them any more.

        Args:
            log: What the processes print, appended.
            tick: Called with the launcher's process id about five times a second while it runs,
                and once after.
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
                    tick(child.pid)
                    time.sleep(_TICK_S)
            finally:
                if self.by_ssh and child.poll() is None:
                    # On SIGTERM it has every machine run `pkill -f PYTHON -u -m
                    # deepspeed.launcher.launch`, which ends the user's other runs there too.
                    child.kill()
                _end_group(child)
        tick(child.pid)
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


def cpu_is_asked_for() -> bool:
    """Say whether DeepSpeed was told to train on the CPU, whatever GPUs there are."""
    return os.environ.get(_ACCELERATOR) == "cpu"


def restore_visible_gpus() -> None:
    """Give this process the GPUs that whoever started the launcher saw.

    For a process of the launcher, before torch is imported. The launcher sets
    CUDA_VISIBLE_DEVICES to the numbers it was told. Here it becomes again what it was, whatever
    CUDA takes (``GPU-...``, ``MIG-...``, ``2, 3``, ``-1``), and the process takes the place of its
    local rank in it.
    """
    visible = os.environ.pop(_CARRIED, None)
    if visible is None:
        return
    os.environ[_VISIBLE] = visible
    if not re.fullmatch(r"[\d\s,-]*", visible):
        # DeepSpeed's accelerator asks NVML for a GPU's memory by the number that stands in the
        # variable, and reads it with int(). Without the package it asks torch.
        sys.modules["pynvml"] = None  # type: ignore[assignment]


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    # Port 0: the system chooses. Another process may take it before it is used; that is rare.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def last_lines(log: Path, count: int = 15) -> list[str]:
    """Return the last lines of a log that are not empty."""
    if not log.is_file():
        return []
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if line.strip()][-count:]


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
