"""SPICE: speed, memory and equality beside pycocoevalcap's own ``Spice``, on the same sentences.

    python benchmarks/spice.py [DATA] [--items 5855] [--models FOLDER]

DATA (or VSDKIT_DATA) is the folder with ``vsdv1_val.json`` and ``vsdv2_val.json``. The file that
is scored has the shape of the test split (``split_shape.py``). Each side is a process of its own.
They run in turns of five seconds, so that whatever else slows the machine down hits both alike;
time is wall clock of a side's own turns (and that of all cores), memory the sum of all its
processes. vsdkit scores from an empty cache, then a second submission
with the same references, then that one again. pycocoevalcap scores the first submission, one pair
a reference, and the first ``--merged`` items with their references merged; it keeps nothing, so its
time for the pairs stands beside all three. F is compared bit for bit. Needs a JDK; fetches 385 MB
into FOLDER if they are not there. About 15 minutes on two cores; Ctrl-C prints what is known.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from peer import Peer, prepare_peer
from process_tree import Measured, Turns, measure
from split_shape import ITEMS, Split, find_data, make_split
from surroundings import keep, name_machine, new_cache

from vsdkit.jvm import Java, SpiceCase, score_spice, spice_class_path

RESULT = Path(__file__).parent / "results" / "spice.json"
MERGED_ITEMS = 3_000
SINGLE, MERGED = "one pair a reference", "merged references"
RUNS = {"cold": "first", "second submission": "second", "repeat": "second"}
GOALS = {"cold": 2, "second submission": 4, "repeat": 60}
MEMORY_GOAL = 0.5

Case = tuple[str, list[str]]


def main() -> None:
    """Measure, print and keep the result."""
    if sys.argv[1:2] == ["--child"]:
        score_here(Path(sys.argv[2]), Path(sys.argv[3]))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--merged", type=int, default=MERGED_ITEMS)
    parser.add_argument("--models", type=Path, help="keep CoreNLP here; temporary by default")
    parser.add_argument("--java", help="the Java of pycocoevalcap; the one on PATH by default")
    parser.add_argument("--javac")
    arguments = parser.parse_args()
    split = make_split(find_data(arguments.data), items=arguments.items)
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peer = prepare_peer(
            folder / "peer",
            models=arguments.models or folder / "models",
            java=arguments.java,
            javac=arguments.javac,
        )
        try:
            compare(split, peer, folder, result, merged=arguments.merged)
        except KeyboardInterrupt:
            show(result)
            sys.exit("interrupted; nothing was kept")
    show(result)
    if arguments.items < ITEMS:
        print(f"not kept: fewer than {ITEMS:,} items")
        return
    keep(result, RESULT)


def compare(split: Split, peer: Peer, folder: Path, result: dict[str, Any], *, merged: int) -> None:
    """Run both sides and enter what they took and where they differ."""
    cases = tokenized(split)
    some = cases["merged"][:merged]
    result |= {
        **name_machine(),
        "java_of_pycocoevalcap": peer.version(),
        "items": len(split.items),
        "pairs": len(cases["first"]),
        "sentences_pycocoevalcap_parses": 2 * len(cases["first"]),
        "distinct_sentences": len(distinct(cases["first"])),
        "new_sentences_of_the_second_submission": len(
            distinct(cases["second"]) - distinct(cases["first"])
        ),
        "sentences_of_the_real_data": split.real_sentences,
    }
    cache = new_cache(folder / "cache")
    turns = Turns()
    with ThreadPoolExecutor(1) as other:
        peer_work = other.submit(run_peer_all, cases["first"], some, folder, peer, turns)
        try:
            ours = run_ours_all(cases, folder, cache, turns)
            theirs = peer_work.result()
        except BaseException:
            turns.stop()
            raise
    result["vsdkit"] = {name: taken._asdict() for name, (taken, _) in ours.items()}
    result["pycocoevalcap"] = {name: taken._asdict() for name, (taken, _) in theirs.items()}
    enter_ratios(result, theirs[SINGLE][0])
    pairs = len(cases["first"])
    values = ours["cold"][1]
    result["differences_single"] = count_differences(values[:pairs], theirs[SINGLE][1])
    result["pairs_compared"] = pairs
    result["differences_merged"] = count_differences(values[pairs:][: len(some)], theirs[MERGED][1])
    result["items_compared_merged"] = len(some)
    result["pairs_with_f_above_0"] = sum(value > 0 for value in values[:pairs])


def tokenized(split: Split) -> dict[str, list[Case]]:
    """Return the cases of both submissions, and the merged ones of the first, as PTB tokens."""
    asked: dict[str, list[Case]] = {
        "first": [(sentence, [reference]) for sentence, reference in split.pairs("first")],
        "second": [(sentence, [reference]) for sentence, reference in split.pairs("second")],
        "merged": split.merged(),
    }
    texts = list({text for cases in asked.values() for one in cases for text in (one[0], *one[1])})
    with Java() as java:
        words = dict(zip(texts, map(" ".join, java.tokenize(texts)), strict=True))
    return {
        name: [(words[sentence], [words[text] for text in texts]) for sentence, texts in cases]
        for name, cases in asked.items()
    }


def distinct(cases: Sequence[Case]) -> set[str]:
    """Return each sentence once."""
    return {text for sentence, references in cases for text in (sentence, *references)}


def run_ours_all(
    cases: dict[str, list[Case]], folder: Path, cache: Path, turns: Turns
) -> dict[str, tuple[Measured, list[float]]]:
    """Return what each run of vsdkit took, and F of each case times 100."""
    found = {}
    given, out = folder / "cases.json", folder / "ours.json"
    for name, submission in RUNS.items():
        # vsdkit scores both readings; the merged one costs it no further parse.
        asked = [*cases[submission], *(cases["merged"] if submission == "first" else ())]
        given.write_text(json.dumps(asked), encoding="utf-8")
        taken = measure(
            f"vsdkit, {name}",
            [sys.executable, __file__, "--child", str(given), str(out)],
            environment={"VSDKIT_CACHE": str(cache)},
            turns=turns,
        )
        found[name] = taken, json.loads(out.read_text(encoding="utf-8"))
    return found


def score_here(given: Path, out: Path) -> None:
    """Score the cases with vsdkit in this process."""
    cases = [SpiceCase(one, tuple(texts)) for one, texts in json.loads(given.read_bytes())]
    with Java(spice_class_path()) as java:
        out.write_text(json.dumps(score_spice(java, cases)), encoding="utf-8")


def run_peer_all(
    single: Sequence[Case], merged: Sequence[Case], folder: Path, peer: Peer, turns: Turns
) -> dict[str, tuple[Measured, list[float]]]:
    """Return what each run of pycocoevalcap took, and F of each case times 100."""
    found = {}
    given, out = folder / "their_cases.json", folder / "theirs.json"
    for name, cases in ((SINGLE, single), (MERGED, merged)):
        given.write_text(json.dumps(cases), encoding="utf-8")
        taken = measure(f"pycocoevalcap, {name}", peer.command(given, out), turns=turns)
        items = json.loads(out.read_text(encoding="utf-8"))["items"]
        found[name] = taken, [100 * item["All"]["f"] for item in items]
    return found


def enter_ratios(result: dict[str, Any], peer: Measured) -> None:
    """Enter how many times faster, and with what share of the memory, each run of vsdkit was."""
    for taken in result["vsdkit"].values():
        taken["times_faster"] = round(peer.seconds / taken["seconds"], 2)
        taken["times_less_cpu"] = round(peer.cpu_seconds / taken["cpu_seconds"], 2)
        taken["share_of_memory"] = round(taken["peak_mib"] / peer.peak_mib, 3)


def count_differences(values: Sequence[float], expected: Sequence[float]) -> int:
    """Return in how many places two lists are not the same, bit for bit."""
    return sum(one != other for one, other in zip(values, expected, strict=True))


def show(result: dict[str, Any]) -> None:
    """Print what is known as a table."""
    counts = {name: value for name, value in result.items() if isinstance(value, int)}
    for name, value in counts.items():
        print(f"{name.replace('_', ' '):45} {value:>8,}")
    print(
        f"{'':35} {'seconds':>9} {'cpu':>8} {'MiB':>7} {'faster':>8} {'goal':>5} {'cpu':>7} "
        f"{'memory':>7} {'goal':>5}"
    )
    for side in ("pycocoevalcap", "vsdkit"):
        for name, taken in result.get(side, {}).items():
            line = f"{side + ', ' + name:35} {taken['seconds']:9.1f} {taken['cpu_seconds']:8.1f}"
            line += f" {taken['peak_mib']:7.0f}"
            if "times_faster" in taken:
                line += f" {taken['times_faster']:7.1f}x {GOALS[name]:>4}x"
                line += f" {taken['times_less_cpu']:6.1f}x"
                line += f" {taken['share_of_memory']:6.0%} {MEMORY_GOAL:5.0%}"
            print(line)


if __name__ == "__main__":
    main()
