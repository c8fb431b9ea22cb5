"""``kill -9`` in the middle of ``vsdkit infer``, Ctrl-C, or a full disk: the same bytes in the end?

    python benchmarks/kill_infer.py [--kills 100] [--seed 0] [--kinds worker parent ...]

The tiny base answers about the demo's synthetic scenes in two processes, through the real launcher,
and is killed: one process, the launcher, its child, all of them at once, the command itself, all of
them while answers are written; or it is interrupted, or its disk is full, or one process that
answers alone is killed. The moment is drawn. After that nothing may be left running, and a command
that was not killed itself must have said what happened. The same command is started again; it may
be killed up to three times more. The last time it runs to its end, in one process or two, and its
output must be that of the undisturbed run, byte for byte, with nothing else beside it.

The disk is a tmpfs that is filled up, where this user may mount one; elsewhere a limit on the size
of files stands for it. Prints a line for each kill, and keeps them as they come.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
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

from vsdkit.demo.scenes import sample_scenes
from vsdkit.infer.kept import processes_folder
from vsdkit.manifest import hash_file, manifest_path

RESULT = Path(__file__).parent / "results" / "kill_infer.json"
KINDS = (
    *("worker", "launcher", "launch.py", "group", "parent"),
    *("writing", "interrupted", "alone", "disk full"),
)
SCENES = 60
ROWS = 3 * SCENES
KILLS_A_RUN = 4
RESERVE_BYTES = 1 << 15
"""Of the disk, at most, that are left to a run that is to find it full: less than the answers."""
STARTING = 0.25
"""Share of the kills that come before an answer is waited for."""
SECONDS_TO_START = 8
SECONDS_TO_FINISH = 1.5
INTERRUPTED = 130
TOO_LATE = "had ended"


@dataclass
class Kill:
    """One kill, and what came of it."""

    kind: str
    rows: int
    """Rows that the command had put down."""
    seconds: float
    """From the start of the command."""
    exit_code: int
    said: str
    """First line of the command's error; empty if it was killed itself."""
    left_s: float
    """Until nothing of it ran any more."""
    torn: int
    """Files whose last line was half written."""
    left_to_answer: int | None = None
    """Rows that the next start had still to answer; those that it took over count among them."""
    same: bool | None = None
    """Whether the run came to the undisturbed run's bytes, and left nothing beside them."""
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
    # A shell's background job ignores it, and so would the commands that are to be interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as name, small_disk(Path(name) / "disk") as mounted:
        trial = Trial(Path(name), random.Random(arguments.seed), mounted=mounted)
        kills = trial.kill_all(arguments.kinds, arguments.kills)
    wrong = [kill for kill in kills if kill.wrong or not kill.same]
    print(f"{len(kills)} kills, {len(wrong)} wrong")
    if wrong:
        sys.exit("\n".join(f"{kill.kind}: {kill.wrong or 'OTHER BYTES'}" for kill in wrong))


class Trial:
    """Runs that are killed, in one folder."""

    def __init__(self, folder: Path, draw: random.Random, *, mounted: bool) -> None:
        self._draw = draw
        self._disk = folder / "disk"
        self._mounted = mounted
        self._items = _write_items(folder)
        self._log = folder / "said.txt"
        self._began = 0.0
        self._latest = ROWS

    def kill_all(self, kinds: list[str], count: int) -> list[Kill]:
        """Return what came of so many kills, of each kind about as many."""
        began = time.perf_counter()
        self._finish(self._start("whole", processes=1))
        expected = (self._disk / "whole.jsonl").read_bytes()
        whole = time.perf_counter() - began
        print(f"undisturbed: {whole:.1f} s, {len(expected)} bytes", flush=True)
        kills: list[Kill] = []
        number = 0
        while len(kills) < count:
            number += 1
            name = f"run-{number}"
            of_run = self._kill_run(name, kinds, len(kills), min(KILLS_A_RUN, count - len(kills)))
            beside = sorted(path.name for path in self._disk.iterdir() if name in path.name)
            same = (self._disk / f"{name}.jsonl").read_bytes() == expected
            same = same and beside == [f"{name}.jsonl", f"{name}.jsonl.run.json"]
            for kill in of_run:
                kill.same = same
                print(_line(kill), flush=True)
            kills += of_run
            for left in beside:
                (self._disk / left).unlink()
            keep(
                {
                    "kills": len(kills),
                    "wrong": sum(1 for kill in kills if kill.wrong or not kill.same),
                    "runs": number,
                    "rows": ROWS,
                    "by_kind": {kind: _count(kills, kind) for kind in kinds},
                    "torn_lines": sum(kill.torn for kill in kills),
                    "undisturbed_seconds": round(whole, 1),
                    "seconds": round(time.perf_counter() - began, 1),
                    "disk_full_by": "tmpfs" if self._mounted else "limit on the size of files",
                    "output_sha256": hash_file(self._disk / "whole.jsonl"),
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
            self._latest = math.ceil(ROWS * (len(kills) + 1) / count)
            kill = self._kill(name, kind)
            if kill is None:
                # It had ended before its moment came: a new run takes its place.
                print(f"{kind}: {TOO_LATE}", flush=True)
                break
            if kills:
                self._note_beginning(kills[-1])
            kills.append(kill)
            print(f"{name}: {kind} at row {kill.rows}, {kill.seconds:.1f} s", flush=True)
        else:
            # Who goes on, and with how many processes, must not matter.
            self._finish(self._start(name, processes=self._draw.choice((1, 2))))
        if kills:
            self._note_beginning(kills[-1])
        return kills

    def _note_beginning(self, kill: Kill) -> None:
        """Note what the start after a kill had to do, from what that start said."""
        found = re.search(r"([\d,]+) to answer", self._said())
        if found:
            kill.left_to_answer = int(found[1].replace(",", ""))

    def _kill(self, name: str, kind: str) -> Kill | None:
        """Start a run and kill it; None if it ended before."""
        full = kind == "disk full"
        process = self._start(
            name,
            processes=1 if kind == "alone" else 2,
            limit=self._draw.randrange(1 << 10, 1 << 14) if full else None,
        )
        family: set[int] = set()
        try:
            family = self._fill_disk(name, process) if full else self._hit(name, kind, process)
            seconds = time.perf_counter() - self._began
            rows = self._rows(name)
            exit_code = process.wait(timeout=120)
        finally:
            # Only where this script is stopped: the run has ended otherwise.
            process.kill()
            (self._disk / "filler").unlink(missing_ok=True)
        ended = time.perf_counter()
        if exit_code == 0:
            return None
        left = wait_for_end(family)
        text = self._said()
        said = "" if exit_code < 0 else error_of(text) or _last_line(text)
        wrong = judge(kind, exit_code, said, text, left)
        if kind == "interrupted" and exit_code != INTERRUPTED:
            wrong = wrong or f"exit code {exit_code} after an interruption"
        return Kill(
            kind,
            rows,
            round(seconds, 2),
            exit_code,
            said,
            round(time.perf_counter() - ended, 2),
            torn=sum(1 for path in self._kept(name) if not path.read_bytes().endswith(b"\n")),
            wrong=wrong,
        )

    def _hit(self, name: str, kind: str, process: subprocess.Popen[bytes]) -> set[int]:
        """Kill at a drawn moment; return all processes that belong to the run."""
        if kind == "writing":
            wanted = self._draw.randint(1, self._latest)
            wait_until(lambda: self._rows(name) >= min(wanted, ROWS - 1), process)
            # Listed before: an answer is written in a thousandth of a second.
            victims = self._victims(kind, process.pid)
            size = self._size(name)
            wait_until(lambda: self._size(name) != size, process)
            time.sleep(self._draw.uniform(0, 0.005))
        else:
            deep = DEPTHS["parent" if kind in {"alone", "interrupted"} else kind]
            self._wait_for_moment(name, deep, process)
            victims = self._victims(kind, process.pid)
        family = {*tree(process.pid), *victims}
        signal_all(victims, signal.SIGINT if kind == "interrupted" else signal.SIGKILL)
        return family

    def _victims(self, kind: str, parent: int) -> list[int]:
        if kind in {"parent", "alone", "interrupted"}:
            return [parent]
        if kind in {"group", "writing"}:
            # Everything goes at once, as when the machine goes.
            return tree(parent)
        levels, place = levels_below(parent), DEPTHS[kind]
        return [self._draw.choice(levels[place])] if len(levels) > place else []

    def _fill_disk(self, name: str, process: subprocess.Popen[bytes]) -> set[int]:
        """Fill the disk up at a drawn moment, but for a drawn rest."""
        self._wait_for_moment(name, DEPTHS["launch.py"], process)
        if self._mounted:
            fill_disk(self._disk, self._draw.randrange(RESERVE_BYTES), process)
        return set(tree(process.pid))

    def _wait_for_moment(self, name: str, deep: int, process: subprocess.Popen[bytes]) -> None:
        """Return at a drawn moment: while the processes start, behind an answer, or at the end.

        Answers and not seconds, since other work on the machine may slow a run down.
        """
        wait_until(lambda: len(levels_below(process.pid)) > deep, process)
        done = self._rows(name)
        rows = self._draw.randint(min(done, self._latest), self._latest)
        starts = self._draw.random() < STARTING
        longest = SECONDS_TO_START if starts else SECONDS_TO_FINISH if rows == ROWS else 0.2
        if not starts:
            wait_until(lambda: self._rows(name) >= rows, process)
        until = time.perf_counter() + self._draw.uniform(0, longest)
        wait_until(lambda: time.perf_counter() > until, process)

    def _kept(self, name: str) -> list[Path]:
        """Return the files that answers are appended to."""
        output = self._disk / f"{name}.jsonl"
        return [
            *self._disk.glob(f"{name}.jsonl.part.jsonl"),
            *processes_folder(output).glob("answers.*"),
        ]

    def _size(self, name: str) -> int:
        try:
            return sum(path.stat().st_size for path in self._kept(name))
        except FileNotFoundError:
            return 0

    def _rows(self, name: str) -> int:
        path = self._disk / f"{name}.jsonl.part.jsonl"
        try:
            return path.read_bytes().count(b"\n")
        except FileNotFoundError:
            # Not begun, or at its very end.
            return ROWS if manifest_path(self._disk / f"{name}.jsonl").exists() else 0

    def _said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def _start(
        self, name: str, *, processes: int, limit: int | None = None
    ) -> subprocess.Popen[bytes]:
        def limit_where_needed() -> None:
            if limit is not None and not self._mounted:
                limit_files(limit)

        self._began = time.perf_counter()
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [
                    *(sys.executable, "-m", "vsdkit", "infer", str(self._items)),
                    *("--images", str(self._items.parent / "pictures"), "--base", "tiny"),
                    *("--output", str(self._disk / f"{name}.jsonl"), "--json"),
                    *("--gpus", str(processes), "--batch-size", "2", "--image-mode", "single"),
                ],
                env=os.environ
                | {"DS_ACCELERATOR": "cpu", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
                stdout=subprocess.DEVNULL,
                stderr=log,
                preexec_fn=limit_where_needed,
            )

    def _finish(self, process: subprocess.Popen[bytes]) -> None:
        if process.wait():
            text = self._said()
            sys.exit(f"{text}\nended with exit code {process.returncode}, though not disturbed")


def _write_items(folder: Path) -> Path:
    """Write pictures of some scenes and the pair of things in each; return the file of pairs."""
    pictures = folder / "pictures"
    pictures.mkdir()
    items = folder / "items.jsonl"
    with items.open("w", encoding="utf-8") as file:
        for scene in sample_scenes(SCENES, seed=0):
            scene.draw().save(pictures / scene.file_name)
            pair = {"subject": scene.subject.tag, "object": scene.object.tag}
            file.write(json.dumps({"image": scene.file_name} | pair) + "\n")
    return items


def _last_line(text: str) -> str:
    """Return what was said last: an interruption is no error."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _count(kills: list[Kill], kind: str) -> dict[str, Any]:
    of_kind = [kill for kill in kills if kill.kind == kind]
    return {
        "kills": len(of_kind),
        "same_bytes": sum(1 for kill in of_kind if kill.same),
        "seconds_to_end": max((kill.left_s for kill in of_kind), default=None),
    }


def _line(kill: Kill) -> str:
    return (
        f"{kill.kind:11} at row {kill.rows:3} ({kill.seconds:5.1f} s), "
        f"{'-' if kill.left_to_answer is None else kill.left_to_answer:>3} left"
        f"{f', {kill.torn} torn' if kill.torn else ''}: "
        f"{'same bytes' if kill.same else 'OTHER BYTES'}"
        f"{f'; WRONG: {kill.wrong}' if kill.wrong else ''} | {kill.said[:60]}"
    )


if __name__ == "__main__":
    main()
