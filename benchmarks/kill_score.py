"""``kill -9`` in the middle of ``vsdkit score``, and two of them side by side: the same numbers?

    python benchmarks/kill_score.py [DATA] [--items 100] [--moments 10] [--seed 0]

DATA (or VSDKIT_DATA) is the folder with ``vsdv1_val.json`` and ``vsdv2_val.json``; the file that is
scored is made of them (``split_shape.py``). Every trial begins with an empty cache of parsed
sentences. The scorer, or its Java, is killed at a moment drawn from the time an undisturbed run
takes; a scorer that lost its Java must say so and end with exit code 3, and Java must not outlive a
killed scorer. Then the same command is run to its end, and its JSON and its file of rows must be
those of the undisturbed run, byte for byte. About five minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from process_tree import tree
from split_shape import find_data, make_split
from surroundings import keep, name_machine, new_cache

RESULT = Path(__file__).parent / "results" / "kill_score.json"
EXIT_METRIC_FAILED = 3
SECONDS_TO_END = 10


class Outcome(NamedTuple):
    """What a finished scoring left."""

    document: bytes
    rows: bytes


def main() -> None:
    """Kill, score again, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--moments", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    data = find_data(arguments.data)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_split(data, items=arguments.items).write(folder)
        result = try_all(folder, arguments.moments, random.Random(arguments.seed))
    result |= {
        "items": arguments.items,
        **name_machine(),
    }
    keep(result, RESULT)
    if result["wrong"]:
        sys.exit(f"{result['wrong']} scorings did not come to the undisturbed numbers")


def try_all(folder: Path, moments: int, draw: random.Random) -> dict[str, Any]:
    """Return how many trials there were and how many came to other numbers."""
    began = time.perf_counter()
    expected = finish(start(folder, empty_cache(folder), "whole"), folder, "whole")
    whole = time.perf_counter() - began
    print(f"undisturbed: {whole:.1f} s", flush=True)
    result: dict[str, Any] = {"undisturbed_seconds": round(whole, 1), "wrong": 0}
    for victim in ("scorer", "java"):
        killed: list[float] = []
        while len(killed) < moments:
            moment = draw.uniform(0, whole)
            cache = empty_cache(folder)
            if not kill(folder, cache, victim, moment):
                print(f"{victim}: had ended before {moment:.2f} s, drawn again", flush=True)
                continue
            killed.append(round(moment, 2))
            same = finish(start(folder, cache, "again"), folder, "again") == expected
            result["wrong"] += not same
            print(
                f"{victim} killed after {moment:5.2f} s, then "
                f"{'the same numbers' if same else 'OTHER NUMBERS'}",
                flush=True,
            )
        result[f"{victim}_killed_after_seconds"] = killed
    cache = empty_cache(folder)
    both = [(name, start(folder, cache, name)) for name in ("left", "right")]
    alike = sum(finish(process, folder, name) == expected for name, process in both)
    result["wrong"] += 2 - alike
    result["side_by_side_same"] = alike
    print(f"side by side on an empty cache: {alike} of 2 came to the same numbers", flush=True)
    return result


def empty_cache(folder: Path) -> Path:
    """Return a cache with SPICE's files and no parsed sentence."""
    shutil.rmtree(folder / "cache", ignore_errors=True)
    return new_cache(folder / "cache")


def start(folder: Path, cache: Path, name: str) -> subprocess.Popen[bytes]:
    """Start the command; its rows go to a file of that name."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "vsdkit", "score", "preds.jsonl", "gold.jsonl"),
            *("--json", "--quiet", "--items", f"{name}.jsonl"),
        ],
        cwd=folder,
        env={**os.environ, "VSDKIT_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[bytes], folder: Path, name: str) -> Outcome:
    """Wait for the end of a scoring that must succeed."""
    document, errors = process.communicate()
    if process.returncode:
        sys.exit(f"{errors.decode()}\nended with exit code {process.returncode}")
    return Outcome(document, (folder / f"{name}.jsonl").read_bytes())


def kill(folder: Path, cache: Path, victim: str, moment: float) -> bool:
    """Start a scoring, kill the scorer or its Java after so many seconds; False if too late."""
    process = start(folder, cache, "killed")
    time.sleep(moment)
    if victim == "scorer":
        children = tree(process.pid)[1:]
        process.kill()
        process.communicate()
        wait_for_end(children)
        return process.returncode == -signal.SIGKILL
    while process.poll() is None and not (children := tree(process.pid)[1:]):
        time.sleep(0.01)
    if process.poll() is not None:
        process.communicate()
        return False
    try:
        os.kill(children[0], signal.SIGKILL)
    except ProcessLookupError:
        # It had just done its work.
        process.communicate()
        return False
    _, errors = process.communicate()
    if process.returncode == 0:
        return False
    if process.returncode != EXIT_METRIC_FAILED or b"signal 9" not in errors:
        sys.exit(f"{errors.decode()}\nJava killed: ended with exit code {process.returncode}")
    return True


def wait_for_end(processes: list[int]) -> None:
    """Wait until these processes are gone, or end with the one that is left behind."""
    latest = time.monotonic() + SECONDS_TO_END
    while left := [one for one in processes if Path(f"/proc/{one}").exists()]:
        if time.monotonic() > latest:
            sys.exit(f"process {left[0]} is still there after {SECONDS_TO_END} s")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
