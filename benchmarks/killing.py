"""What ``kill_finetune.py`` and ``kill_infer.py`` share: victims, a small disk, who is left."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = [
    "DEPTHS",
    "DISK_MIB",
    "SECONDS_TO_END",
    "error_of",
    "fill_disk",
    "judge",
    "levels_below",
    "limit_files",
    "signal_all",
    "small_disk",
    "wait_for_end",
    "wait_until",
]

DEPTHS = {"parent": 0, "launcher": 1, "group": 1, "launch.py": 2, "worker": 3}
"""How many processes stand above: command, launcher, its child, the processes that work."""
SECONDS_TO_END = 20
"""For what is left of a killed run; DeepSpeed's launcher looks once a second."""
DISK_MIB = 64


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small disk and say whether that could be done."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "none", str(folder)]
    try:
        mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill_disk(disk: Path, reserve: int, process: subprocess.Popen[bytes]) -> None:
    """Fill a disk up but for some bytes, by ``disk/filler``, or return when the process has ended.

    Args:
        disk: A small one.
        reserve: Bytes that stay free.
        process: Writes there meanwhile.
    """
    with (disk / "filler").open("wb") as file:
        wait_until(lambda: _takes_all_but(reserve, disk, file.fileno()), process)


def _takes_all_but(reserve: int, disk: Path, file: int) -> bool:
    free = shutil.disk_usage(disk).free - reserve
    try:
        os.posix_fallocate(file, 0, max(free, 1))
    except OSError:
        # The run has written meanwhile.
        return False
    return True


def limit_files(limit: int) -> None:
    """Let no file of this process become larger, where no small disk can be mounted."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


def wait_until(happens: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Return when something happens or the process has ended."""
    while not happens() and process.poll() is None:
        time.sleep(0.005)


def levels_below(parent: int) -> list[list[int]]:
    """Return the command, the launcher, its child, and the processes that work, by their depth."""
    levels = [[parent]]
    while levels[-1]:
        below: list[int] = []
        for process in levels[-1]:
            try:
                text = Path(f"/proc/{process}/task/{process}/children").read_text("ascii")
            except OSError:
                continue
            below += [int(number) for number in text.split()]
        levels.append(below)
    return levels[:-1]


def signal_all(victims: Iterable[int], number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to all that are still there."""
    for victim in victims:
        try:
            os.kill(victim, number)
        except ProcessLookupError:
            continue


def wait_for_end(family: Iterable[int]) -> list[int]:
    """Return the processes that are still there after what they take to end."""
    until = time.perf_counter() + SECONDS_TO_END
    left = [one for one in family if _lives(one)]
    while left and time.perf_counter() < until:
        time.sleep(0.05)
        left = [one for one in left if _lives(one)]
    return left


def _lives(process: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text("ascii", errors="replace")
    except OSError:
        return False


def error_of(text: str) -> str:
    """Return the first line of the error in what a command said; empty if there is none."""
    found = re.search(r"^error: (.+)$", text, flags=re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


def judge(kind: str, exit_code: int, said: str, text: str, left: list[int]) -> str:
    """Return what is wrong with how a killed run ended; empty if nothing is.

    Args:
        kind: What was done to it.
        exit_code: Of the command.
        said: Its error.
        text: All that it said.
        left: Its processes that still run.
    """
    if left:
        return f"{len(left)} processes were still there after {SECONDS_TO_END} s"
    if exit_code > 0 and not said:
        return f"ended with exit code {exit_code} and no error"
    if "Traceback" in text and "    " not in text.partition("Traceback")[0][-4:]:
        return "a traceback instead of an error"
    if kind == "disk full" and not re.search("disk|room|space|quota|limit", said):
        return f"a full disk was not named: {said}"
    return ""
