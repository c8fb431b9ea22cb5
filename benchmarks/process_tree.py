"""Time and memory of a command with all its children, sampled from /proc (Linux)."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

_SAMPLES_A_SECOND = 10
_SECONDS_BETWEEN_LINES = 30


class Measured(NamedTuple):
    """What a command and its children took: wall clock, all cores' time, largest memory."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


def measure(
    label: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Measured:
    """Run a command to its end and return what it and its children took together.

    A line every half minute says that it still runs. What it prints is shown only if it fails.
    On Ctrl-C its whole group is ended.

    Args:
        label: What the lines begin with.
        command: The command.
        environment: Variables set besides those of this process.
        folder: Where it runs; here by default.
    """
    with tempfile.TemporaryFile() as log:
        return _run(label, command, environment or {}, folder, log)


def _run(
    label: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None,
    log: IO[bytes],
) -> Measured:
    print(f"{label}: started", flush=True)
    began, cpu_before = time.perf_counter(), _children_cpu_seconds()
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
        code = process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    finally:
        seconds = time.perf_counter() - began
        done.set()
        watch.join()
    if code:
        log.seek(0)
        sys.exit(f"{log.read().decode(errors='replace')}\n{label}: ended with exit code {code}")
    cpu = _children_cpu_seconds() - cpu_before
    measured = Measured(round(seconds, 2), round(cpu, 2), round(peak[0] / 2**20, 1))
    print(f"{label}: {measured.seconds:,.1f} s, {measured.peak_mib:,.0f} MiB", flush=True)
    return measured


def tree(root: int) -> list[int]:
    """Return a process and all that it started, directly or not."""
    found = [root]
    for process in found:
        for path in Path(f"/proc/{process}/task").glob("*/children"):
            found.extend(int(number) for number in _read(path).split())
    return found


def _children_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


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
