"""Time and memory of a command with all its children, sampled from /proc (Linux)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

_SAMPLES_A_SECOND = 10
_SECONDS_BETWEEN_LOOKS = 0.02
_SECONDS_BETWEEN_LINES = 30
_SECONDS_A_TURN = 5


class Measured(NamedTuple):
    """What a command and its children took: wall clock, all cores' time, largest memory."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


class Turns:
    """Lets the commands of several threads run one at a time, each for a few seconds.

    Whatever else slows a shared machine down then slows all of them down alike.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._order: deque[int] = deque()
        self._changed = threading.Condition()

    def take(self) -> None:
        """Wait until it is this thread's turn."""
        with self._changed:
            self._order.append(threading.get_ident())
            self._wait()

    def pass_on(self, group: int) -> None:
        """Hold the group of processes while others have their turn; does nothing without others."""
        with self._changed:
            if len(self._order) == 1:
                return
            os.killpg(group, signal.SIGSTOP)
            self._order.rotate(-1)
            self._changed.notify_all()
            self._wait()
            os.killpg(group, signal.SIGCONT)

    def leave(self) -> None:
        """Let the others go on without this thread."""
        with self._changed:
            self._order.remove(threading.get_ident())
            self._changed.notify_all()

    def stop(self) -> None:
        """End what runs in all threads."""
        with self._changed:
            self.stopped = True
            self._changed.notify_all()

    def _wait(self) -> None:
        me = threading.get_ident()
        self._changed.wait_for(lambda: self.stopped or self._order[0] == me)


def measure(
    label: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    turns: Turns | None = None,
) -> Measured:
    """Run a command to its end and return what it and its children took together.

    A line every half minute says that it still runs. What it prints is shown only if it fails.
    On Ctrl-C its whole group is ended.

    Args:
        label: What the lines begin with.
        command: The command.
        environment: Variables set besides those of this process.
        folder: Where it runs; here by default.
        turns: Shared with the commands it takes turns with. Only its own turns count.
    """
    turns = turns or Turns()
    with tempfile.TemporaryFile() as log:
        turns.take()
        try:
            return _run(label, command, environment or {}, folder, log, turns)
        finally:
            turns.leave()


def _run(
    label: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None,
    log: IO[bytes],
    turns: Turns,
) -> Measured:
    print(f"{label}: started", flush=True)
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    peak = [0]
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(process.pid, peak, done, label), daemon=True)
    watch.start()
    try:
        seconds, cpu = _wait_in_turns(process, turns)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    finally:
        done.set()
        watch.join()
    if process.returncode:
        log.seek(0)
        text = log.read().decode(errors="replace")
        sys.exit(f"{text}\n{label}: ended with exit code {process.returncode}")
    measured = Measured(round(seconds, 2), round(cpu, 2), round(peak[0] / 2**20, 1))
    print(f"{label}: {measured.seconds:,.1f} s, {measured.peak_mib:,.0f} MiB", flush=True)
    return measured


def _wait_in_turns(process: subprocess.Popen[bytes], turns: Turns) -> tuple[float, float]:
    """Return the seconds of its turns and those of all cores, when it has ended."""
    seconds = 0.0
    while not turns.stopped:
        began = time.perf_counter()
        while (now := time.perf_counter()) - began < _SECONDS_A_TURN and not turns.stopped:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                process.returncode = os.waitstatus_to_exitcode(status)
                return seconds + now - began, usage.ru_utime + usage.ru_stime
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        seconds += time.perf_counter() - began
        turns.pass_on(process.pid)
    raise KeyboardInterrupt


def tree(root: int) -> list[int]:
    """Return a process and all that it started, directly or not."""
    found = [root]
    for process in found:
        for path in Path(f"/proc/{process}/task").glob("*/children"):
            found.extend(int(number) for number in _read(path).split())
    return found


def _watch(root: int, peak: list[int], done: threading.Event, label: str) -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    began = last = time.perf_counter()
    while not done.wait(1 / _SAMPLES_A_SECOND):
        fields = [_read(Path(f"/proc/{process}/statm")).split() for process in tree(root)]
        now = sum(int(field[1]) for field in fields if field) * page
        peak[0] = max(peak[0], now)
        if time.perf_counter() - last > _SECONDS_BETWEEN_LINES:
            last = time.perf_counter()
            print(f"{label}: {last - began:,.0f} s, {now / 2**20:,.0f} MiB", flush=True)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        # The process or its thread has ended in between.
        return ""
