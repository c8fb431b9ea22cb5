"""What ``kill_finetune.py`` and ``kill_infer.py`` share: runs that are killed and started again.

A command is started and killed at a drawn moment, or its disk is full. After that nothing may be
left running, and a command that was not killed itself must have said what happened. The same
command is started again; it may be killed a few times more. The last time it runs to its end,
and what it made must be what the undisturbed run made.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from process_tree import tree
from surroundings import keep, name_machine

__all__ = ["DEPTHS", "Kill", "Trial", "wait_until"]

DEPTHS = {"parent": 0, "alone": 0, "interrupted": 0}
DEPTHS |= {"launcher": 1, "group": 1, "launch.py": 2, "worker": 3}
"""How many processes stand above: command, launcher, its child, the processes that work."""
KILLS_A_RUN = 4
SECONDS_TO_END = 20
"""For what is left of a killed run; DeepSpeed's launcher looks once a second."""
DISK_MIB = 64
STARTING = 0.25
"""Share of the kills that come before any work is waited for."""
SECONDS_TO_START = 8
INTERRUPTED = 130
TOO_LATE = "had ended"


@dataclass
class Kill:
    """One kill, and what came of it."""

    kind: str
    done: int
    """Steps or rows that were done."""
    seconds: float
    """From the start of the command."""
    exit_code: int
    said: str
    """First line of the command's error; empty if it was killed itself."""
    left_s: float
    """Until nothing of it ran any more."""
    same: bool | None = None
    """Whether the run came to what the undisturbed run made."""
    wrong: str = ""
    """What should not have been."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What else is told of it."""


class Trial(ABC):
    """Runs of one command that are killed, in one folder.

    Args:
        folder: Empty.
        draw: Draws the moments.
        mounted: Whether ``folder/disk`` is a small disk.
    """

    unit: ClassVar[str]
    """What is done, one by one: ``step``."""
    total: ClassVar[int]
    """How many."""
    makes: ClassVar[str]
    """What must be the same in the end: ``adapter``."""
    caught: ClassVar[str]
    """The kind that comes while something is written."""
    result: ClassVar[Path]
    reserve_bytes: ClassVar[int]
    """Of the disk, at most, that are left to a run that is to find it full."""
    file_bytes: ClassVar[tuple[int, int]]
    """Between which the limit on a file's size lies, where no disk can be mounted."""
    seconds_behind: ClassVar[float]
    """Longest time from what was waited for to the kill."""
    seconds_to_finish: ClassVar[float]
    """The same where all was done."""

    def __init__(self, folder: Path, draw: random.Random, *, mounted: bool) -> None:
        self.folder = folder
        self.draw = draw
        self.disk = folder / "disk"
        self.latest = self.total
        self._mounted = mounted
        self._log = folder / "said.txt"
        self._began = 0.0

    @abstractmethod
    def command(self, name: str, kind: str) -> list[str]:
        """Return the words behind ``vsdkit`` of a run; ``kind`` is empty if it is to end."""

    @abstractmethod
    def done(self, name: str) -> int:
        """Return the steps or rows that a run has done."""

    @abstractmethod
    def outcome(self, name: str) -> object:
        """Return what a run made, to be compared."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a run."""

    @abstractmethod
    def catch(self, name: str, wanted: int, process: subprocess.Popen[bytes]) -> list[int]:
        """Return the victims when a run with so much done is writing something."""

    @abstractmethod
    def look_at(self, name: str) -> dict[str, Any]:
        """Return what else is told of a run that was just killed."""

    @abstractmethod
    def note_beginning(self, text: str) -> dict[str, Any]:
        """Return what the start after a kill said of where it goes on."""

    def count(self, kills: list[Kill]) -> dict[str, Any]:
        """Return what else is counted of the kills of a kind."""
        return {"seconds_to_end": max((kill.left_s for kill in kills), default=None)}

    @classmethod
    def main(cls, doc: str, kinds: tuple[str, ...]) -> None:
        """Kill, go on, compare, print.

        Args:
            doc: Of the script.
            kinds: That there are.
        """
        parser = argparse.ArgumentParser(description=doc.splitlines()[0])
        parser.add_argument("--kills", type=int, default=100)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--kinds", nargs="+", choices=kinds, default=kinds)
        arguments = parser.parse_args()
        # So that the disk is taken off again.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        # A shell's background job ignores it, and so would a command that is to be interrupted.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with tempfile.TemporaryDirectory() as name, _small_disk(Path(name) / "disk") as mounted:
            trial = cls(Path(name), random.Random(arguments.seed), mounted=mounted)
            kills = trial._kill_all(arguments.kinds, arguments.kills)
        wrong = [kill for kill in kills if kill.wrong or not kill.same]
        print(f"{len(kills)} kills, {len(wrong)} wrong")
        if wrong:
            sys.exit("\n".join(f"{kill.kind}: {kill.wrong or trial._other()}" for kill in wrong))

    def _other(self) -> str:
        return f"OTHER {self.makes.upper()}"

    def _kill_all(self, kinds: list[str], count: int) -> list[Kill]:
        """Return what came of so many kills, of each kind about as many."""
        began = time.perf_counter()
        self._finish("whole")
        expected = self.outcome("whole")
        whole = time.perf_counter() - began
        print(f"undisturbed: {whole:.1f} s", flush=True)
        kills: list[Kill] = []
        number = 0
        while len(kills) < count:
            number += 1
            name = f"run-{number}"
            of_run = self._kill_run(name, kinds, len(kills), min(KILLS_A_RUN, count - len(kills)))
            same = self.outcome(name) == expected
            for kill in of_run:
                kill.same = same
                print(self._line(kill), flush=True)
            kills += of_run
            self.remove(name)
            keep(
                {
                    "kills": len(kills),
                    "wrong": sum(1 for kill in kills if kill.wrong or not kill.same),
                    "runs": number,
                    "by_kind": {kind: self._of_kind(kills, kind) for kind in kinds},
                    "undisturbed_seconds": round(whole, 1),
                    "seconds": round(time.perf_counter() - began, 1),
                    "disk_full_by": "tmpfs" if self._mounted else "limit on the size of files",
                    "each": [self._note(kill) for kill in kills],
                    **name_machine(),
                },
                self.result,
                quiet=True,
            )
        print(f"kept in {self.result}")
        return kills

    def _of_kind(self, kills: list[Kill], kind: str) -> dict[str, Any]:
        own = [kill for kill in kills if kill.kind == kind]
        same = sum(1 for kill in own if kill.same)
        return {"kills": len(own), f"same_{self.makes}": same} | self.count(own)

    def _note(self, kill: Kill) -> dict[str, Any]:
        note = {self.unit if name == "done" else name: value for name, value in vars(kill).items()}
        del note["facts"]
        return note | kill.facts

    def _line(self, kill: Kill) -> str:
        facts = ", ".join(f"{name} {value}" for name, value in kill.facts.items() if value)
        return (
            f"{kill.kind:11} at {self.unit} {kill.done:3} ({kill.seconds:5.1f} s), {facts}: "
            f"{f'same {self.makes}' if kill.same else self._other()}"
            f"{f'; WRONG: {kill.wrong}' if kill.wrong else ''} | {kill.said[:60]}"
        )

    def _kill_run(self, name: str, kinds: list[str], before: int, count: int) -> list[Kill]:
        """Kill one run so many times, then let it end."""
        kills: list[Kill] = []
        while len(kills) < count:
            kind = kinds[(before + len(kills)) % len(kinds)]
            # Further on with each kill, so that there is something left for the next.
            self.latest = math.ceil(self.total * (len(kills) + 1) / count)
            kill = self._kill(name, kind)
            if kill is None:
                # It had ended before its moment came: begun anew, with the kills that it had.
                print(f"{kind}: {TOO_LATE}", flush=True)
                break
            if kills:
                kills[-1].facts |= self.note_beginning(self._said())
            kills.append(kill)
            print(f"{name}: {kind} at {self.unit} {kill.done}, {kill.seconds:.1f} s", flush=True)
        self._finish(name)
        if kills:
            kills[-1].facts |= self.note_beginning(self._said())
        return kills

    def _kill(self, name: str, kind: str) -> Kill | None:
        """Start a run and kill it; None if it ended before."""
        full = kind == "disk full"
        process = self._start(name, kind, limit=self.draw.randrange(*self.file_bytes))
        family: set[int] = set()
        try:
            family = self._fill_disk(name, process) if full else self._hit(name, kind, process)
            seconds = time.perf_counter() - self._began
            done = self.done(name)
            exit_code = process.wait(timeout=120)
        finally:
            # Only where this script is stopped: the run has ended otherwise.
            process.kill()
            (self.disk / "filler").unlink(missing_ok=True)
        ended = time.perf_counter()
        if exit_code == 0:
            return None
        left = _wait_for_end(family)
        text = self._said()
        said = "" if exit_code < 0 else _error_of(text)
        return Kill(
            kind,
            done,
            round(seconds, 2),
            exit_code,
            said,
            round(time.perf_counter() - ended, 2),
            wrong=_judge(kind, exit_code, said, text, left),
            facts=self.look_at(name),
        )

    def _hit(self, name: str, kind: str, process: subprocess.Popen[bytes]) -> set[int]:
        """Kill at a drawn moment; return all processes that belong to the run."""
        if kind == self.caught:
            victims = self.catch(name, self.draw.randint(1, self.latest), process)
        else:
            self._wait_for_moment(name, DEPTHS[kind], process)
            victims = self._victims(kind, process.pid)
        family = {*tree(process.pid), *victims}
        for victim in victims:
            try:
                os.kill(victim, signal.SIGINT if kind == "interrupted" else signal.SIGKILL)
            except ProcessLookupError:
                continue
        return family

    def _victims(self, kind: str, parent: int) -> list[int]:
        if DEPTHS[kind] == 0:
            return [parent]
        if kind == "group":
            # Everything goes at once, as when the machine goes.
            return tree(parent)
        levels, place = _levels_below(parent), DEPTHS[kind]
        return [self.draw.choice(levels[place])] if len(levels) > place else []

    def _fill_disk(self, name: str, process: subprocess.Popen[bytes]) -> set[int]:
        """Fill the disk up at a drawn moment, but for a drawn rest."""
        self._wait_for_moment(name, DEPTHS["launch.py"], process)
        if self._mounted:
            reserve = self.draw.randrange(self.reserve_bytes)
            with (self.disk / "filler").open("wb") as file:
                wait_until(lambda: self._takes_all_but(reserve, file.fileno()), process)
        return set(tree(process.pid))

    def _takes_all_but(self, reserve: int, file: int) -> bool:
        free = shutil.disk_usage(self.disk).free - reserve
        try:
            os.posix_fallocate(file, 0, max(free, 1))
        except OSError:
            # The run has written meanwhile.
            return False
        return True

    def _wait_for_moment(self, name: str, deep: int, process: subprocess.Popen[bytes]) -> None:
        """Return at a drawn moment: while the processes start, behind a step, or at the end.

        Steps and not seconds, since other work on the machine may slow a run down.
        """
        self.wait_for_processes(deep, process)
        done = self.done(name)
        wanted = self.draw.randint(min(done, self.latest), self.latest)
        starts = self.draw.random() < STARTING
        at_end = self.seconds_to_finish if wanted == self.total else self.seconds_behind
        if not starts:
            wait_until(lambda: self.done(name) >= wanted, process)
        until = time.perf_counter() + self.draw.uniform(0, SECONDS_TO_START if starts else at_end)
        wait_until(lambda: time.perf_counter() > until, process)

    def wait_for_processes(self, deep: int, process: subprocess.Popen[bytes]) -> None:
        """Return when there are processes as deep as that."""
        wait_until(lambda: len(_levels_below(process.pid)) > deep, process)

    def _start(self, name: str, kind: str, *, limit: int = 0) -> subprocess.Popen[bytes]:
        def limit_files() -> None:
            if kind == "disk full" and not self._mounted:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

        self._began = time.perf_counter()
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "vsdkit", *self.command(name, kind)],
                env=os.environ
                | {"DS_ACCELERATOR": "cpu", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
                stdout=subprocess.DEVNULL,
                stderr=log,
                preexec_fn=limit_files,
            )

    def _finish(self, name: str) -> None:
        process = self._start(name, "")
        if process.wait():
            sys.exit(
                f"{self._said()}\nended with exit code {process.returncode}, though not disturbed"
            )

    def _said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")


def wait_until(happens: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Return when something happens or the process has ended."""
    while not happens() and process.poll() is None:
        time.sleep(0.005)


@contextmanager
def _small_disk(folder: Path) -> Iterator[bool]:
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


def _levels_below(parent: int) -> list[list[int]]:
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


def _wait_for_end(family: Iterable[int]) -> list[int]:
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


def _error_of(text: str) -> str:
    """Return the first line of what a command ended with."""
    found = re.search(
        r"^(?:error: (.+)|(interrupted.*))$", text, flags=re.MULTILINE | re.IGNORECASE
    )
    return (found[1] or found[2]) if found else ""


def _judge(kind: str, exit_code: int, said: str, text: str, left: list[int]) -> str:
    """Return what is wrong with how a killed run ended; empty if nothing is."""
    if left:
        return f"{len(left)} processes were still there after {SECONDS_TO_END} s"
    # An interruption while Python still imports is not told, and need not be.
    if exit_code > 0 and not said and kind != "interrupted":
        return f"ended with exit code {exit_code} and no error"
    if "Traceback" in text and "    " not in text.partition("Traceback")[0][-4:]:
        return "a traceback instead of an error"
    if kind == "disk full" and not re.search("disk|room|space|quota|limit", said):
        return f"a full disk was not named: {said}"
    # Before its first line Python ends by the signal itself, which a shell shows as 130 too.
    if kind == "interrupted" and exit_code not in (INTERRUPTED, -signal.SIGINT):
        return f"exit code {exit_code} after an interruption"
    return ""
