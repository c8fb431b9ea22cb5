"""``kill -9`` in the middle of ``vsdkit finetune``, or a full disk: the same adapter in the end?

    python benchmarks/kill_finetune.py [--kills 100] [--seed 0] [--kinds worker parent ...]

A run of the tiny base in two processes is started through the real launcher and killed: one
training process, the launcher, its child, all of them at once, the command itself, all of them
while a checkpoint is written; or its disk is full. The moment is drawn. After that nothing may be
left running, and a command that was not killed itself must have said what happened. The same
command is started again; it may be killed up to three times more. The last time it runs to its
end, and its adapter must be that of the undisturbed run, byte for byte.

The disk is a tmpfs that is filled up, where this user may mount one; elsewhere a limit on the size
of files stands for it. Prints a line for each kill, and keeps them as they come.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from killing import (
    DEPTHS,
    error_of,
    fill_disk,
    judge,
    levels_below,
    limit_files,
    signal_all,
    small_disk,
    wait_for_end,
    wait_until,
)
from process_tree import tree
from surroundings import keep, name_machine
from tiny_rows import write_tiny_rows

from vsdkit.manifest import hash_file
from vsdkit.model.run_folder import ADAPTER_WEIGHTS, CHECKPOINTS, METRICS, WHOLE

RESULT = Path(__file__).parent / "results" / "kill_finetune.json"
KINDS = ("worker", "launcher", "launch.py", "group", "parent", "checkpoint", "disk full")
STEPS = 20
KILLS_A_RUN = 4
RESERVE_BYTES = 1 << 20
"""Of the disk, at most, that are left to a run that is to find it full."""
STARTING = 0.25
"""Share of the kills that come before a step is waited for."""
SECONDS_TO_START = 8
SECONDS_TO_FINISH = 3
TOO_LATE = "had ended"


@dataclass
class Kill:
    """One kill, and what came of it."""

    kind: str
    step: int
    """Steps that were done."""
    seconds: float
    """From the start of the command."""
    exit_code: int
    said: str
    """First line of the command's error; empty if it was killed itself."""
    left_s: float
    """Until nothing of it ran any more."""
    resumed_from: int | None = None
    """Step at which the next start went on; 0 is the beginning."""
    skipped: str = ""
    """Half-written checkpoint that the next start told of."""
    same: bool | None = None
    """Whether the run came to the undisturbed run's adapter."""
    wrong: str = ""
    """What should not have been."""


def main() -> None:
    """Kill, go on, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    arguments = parser.parse_args()
    # So that the disk is taken off again.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as name, small_disk(Path(name) / "disk") as mounted:
        trial = Trial(Path(name), random.Random(arguments.seed), mounted=mounted)
        kills = trial.kill_all(arguments.kinds, arguments.kills)
    wrong = [kill for kill in kills if kill.wrong or not kill.same]
    print(f"{len(kills)} kills, {len(wrong)} wrong")
    if wrong:
        sys.exit("\n".join(f"{kill.kind}: {kill.wrong or 'ANOTHER ADAPTER'}" for kill in wrong))


class Trial:
    """Runs that are killed, in one folder."""

    def __init__(self, folder: Path, draw: random.Random, *, mounted: bool) -> None:
        self._draw = draw
        self._runs = folder / "disk"
        self._mounted = mounted
        self._rows = write_tiny_rows(folder, rows=16)
        self._log = folder / "said.txt"
        self._began = 0.0
        self._latest = STEPS

    def kill_all(self, kinds: list[str], count: int) -> list[Kill]:
        """Return what came of so many kills, of each kind about as many."""
        began = time.perf_counter()
        self._finish(self._start("whole"))
        expected = hash_file(self._runs / "whole" / ADAPTER_WEIGHTS)
        whole = time.perf_counter() - began
        print(f"undisturbed: {whole:.1f} s, {expected[:12]}", flush=True)
        kills: list[Kill] = []
        number = 0
        while len(kills) < count:
            number += 1
            name = f"run-{number}"
            of_run = self._kill_run(name, kinds, len(kills), min(KILLS_A_RUN, count - len(kills)))
            same = hash_file(self._runs / name / ADAPTER_WEIGHTS) == expected
            for kill in of_run:
                kill.same = same
                print(_line(kill), flush=True)
            kills += of_run
            shutil.rmtree(self._runs / name)
            passed = time.perf_counter() - began
            keep(
                {
                    "kills": len(kills),
                    "wrong": sum(1 for kill in kills if kill.wrong or not kill.same),
                    "runs": number,
                    "by_kind": {kind: _count(kills, kind) for kind in kinds},
                    "undisturbed_seconds": round(whole, 1),
                    "seconds": round(passed, 1),
                    "disk_full_by": "tmpfs" if self._mounted else "limit on the size of files",
                    "each": [asdict(kill) for kill in kills],
                    **name_machine(),
                },
                RESULT,
                quiet=True,
            )
        print(f"kept in {RESULT}")
        return kills

    def _kill_run(self, name: str, kinds: list[str], done: int, count: int) -> list[Kill]:
        """Kill one run so many times, then let it end."""
        kills: list[Kill] = []
        while len(kills) < count:
            kind = kinds[(done + len(kills)) % len(kinds)]
            # Further on with each kill, so that there is something left for the next.
            self._latest = math.ceil(STEPS * (len(kills) + 1) / count)
            kill = self._kill(name, kind)
            if kill is None:
                # It had ended before its moment came: begun anew, with the kills that it had.
                print(f"{kind}: {TOO_LATE}", flush=True)
                break
            if kills:
                self._note_beginning(kills[-1])
            kills.append(kill)
            print(f"{name}: {kind} at step {kill.step}, {kill.seconds:.1f} s", flush=True)
        self._finish(self._start(name))
        if kills:
            self._note_beginning(kills[-1])
        return kills

    def _note_beginning(self, kill: Kill) -> None:
        """Note where the start after a kill went on, from what that start said."""
        text = self._log.read_text(encoding="utf-8", errors="replace")
        found = re.search(r"going on from step (\d+)", text)
        if found or "log: " in text:
            kill.resumed_from = int(found[1]) if found else 0
        skipped = re.search(r"(checkpoint-\d+) is half written", text)
        kill.skipped = skipped[1] if skipped else kill.skipped

    def _kill(self, name: str, kind: str) -> Kill | None:
        """Start a run and kill it; None if it ended before."""
        full = kind == "disk full"
        process = self._start(name, limit=self._draw.randrange(1 << 12, 1 << 18) if full else None)
        family: set[int] = set()
        try:
            family = self._fill_disk(name, process) if full else self._hit(name, kind, process)
            seconds = time.perf_counter() - self._began
            step = self._steps(name)
            exit_code = process.wait(timeout=120)
        finally:
            # Only where this script is stopped: the run has ended otherwise.
            process.kill()
            (self._runs / "filler").unlink(missing_ok=True)
        ended = time.perf_counter()
        if exit_code == 0:
            return None
        left = wait_for_end(family)
        text = self._log.read_text(encoding="utf-8", errors="replace")
        said = "" if exit_code < 0 else error_of(text)
        return Kill(
            kind,
            step,
            round(seconds, 2),
            exit_code,
            said,
            round(time.perf_counter() - ended, 2),
            wrong=judge(kind, exit_code, said, text, left),
        )

    def _hit(self, name: str, kind: str, process: subprocess.Popen[bytes]) -> set[int]:
        """Kill at a drawn moment; return all processes that belong to the run."""
        if kind == "checkpoint":
            wanted = self._draw.randint(1, self._latest)
            wait_until(lambda: len(levels_below(process.pid)) > DEPTHS["worker"], process)
            # Listed before: a checkpoint of the tiny base is written in a tenth of a second.
            victims = self._victims(kind, process.pid)
            wait_until(lambda: self._writes(name, wanted), process)
            time.sleep(self._draw.uniform(0, 0.02))
        else:
            self._wait_for_moment(name, DEPTHS[kind], process)
            victims = self._victims(kind, process.pid)
        family = {*tree(process.pid), *victims}
        signal_all(victims)
        return family

    def _victims(self, kind: str, parent: int) -> list[int]:
        levels = levels_below(parent)
        if kind == "parent":
            return [parent]
        if kind in {"group", "checkpoint"}:
            # Everything goes at once, as when the machine goes.
            return tree(parent)
        place = DEPTHS[kind]
        return [self._draw.choice(levels[place])] if len(levels) > place else []

    def _fill_disk(self, name: str, process: subprocess.Popen[bytes]) -> set[int]:
        """Fill the disk up at a drawn moment, but for a drawn rest."""
        self._wait_for_moment(name, DEPTHS["launch.py"], process)
        if self._mounted:
            reserve = self._draw.randrange(RESERVE_BYTES)
            fill_disk(self._runs, reserve, process)
        return set(tree(process.pid))

    def _wait_for_moment(self, name: str, deep: int, process: subprocess.Popen[bytes]) -> None:
        """Return at a drawn moment: while the processes start, behind a step, or at the end.

        Steps and not seconds, since other work on the machine may slow a run down.
        """
        wait_until(lambda: len(levels_below(process.pid)) > deep, process)
        done = self._steps(name)
        step = self._draw.randint(min(done, self._latest), self._latest)
        starts = self._draw.random() < STARTING
        longest = SECONDS_TO_START if starts else SECONDS_TO_FINISH if step == STEPS else 1.0
        if not starts:
            wait_until(lambda: self._steps(name) >= step, process)
        until = time.perf_counter() + self._draw.uniform(0, longest)
        wait_until(lambda: time.perf_counter() > until, process)

    def _writes(self, name: str, step: int) -> bool:
        folder = self._runs / name / CHECKPOINTS
        return any(
            not (path / WHOLE).is_file() and int(path.name.rpartition("-")[2]) >= step
            for path in folder.glob("checkpoint-*")
        )

    def _steps(self, name: str) -> int:
        path = self._runs / name / METRICS
        return path.read_bytes().count(b"\n") if path.is_file() else 0

    def _start(self, name: str, *, limit: int | None = None) -> subprocess.Popen[bytes]:
        def limit_where_needed() -> None:
            if limit is not None and not self._mounted:
                limit_files(limit)

        self._began = time.perf_counter()
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [
                    *(sys.executable, "-m", "vsdkit", "finetune", str(self._rows)),
                    *("--images", str(self._rows.parent / "pictures"), "--profile", "tiny"),
                    *("--runs", str(self._runs), "--name", name, "--gpus", "2", "--json"),
                    *("--global-batch-size", "4", "--max-steps", str(STEPS), "--save-steps", "2"),
                ],
                env=os.environ
                | {"DS_ACCELERATOR": "cpu", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
                stdout=subprocess.DEVNULL,
                stderr=log,
                preexec_fn=limit_where_needed,
            )

    def _finish(self, process: subprocess.Popen[bytes]) -> None:
        if process.wait():
            text = self._log.read_text(encoding="utf-8", errors="replace")
            sys.exit(f"{text}\nended with exit code {process.returncode}, though not disturbed")


def _count(kills: list[Kill], kind: str) -> dict[str, Any]:
    of_kind = [kill for kill in kills if kill.kind == kind]
    return {
        "kills": len(of_kind),
        "same_adapter": sum(1 for kill in of_kind if kill.same),
        "skipped_half_written": sum(1 for kill in of_kind if kill.skipped),
    }


def _line(kill: Kill) -> str:
    return (
        f"{kill.kind:10} at step {kill.step:2} ({kill.seconds:5.1f} s), on from "
        f"{'-' if kill.resumed_from is None else kill.resumed_from:>2}"
        f"{f', {kill.skipped} skipped' if kill.skipped else ''}: "
        f"{'same adapter' if kill.same else 'ANOTHER ADAPTER'}"
        f"{f'; WRONG: {kill.wrong}' if kill.wrong else ''} | {kill.said[:60]}"
    )


if __name__ == "__main__":
    main()
