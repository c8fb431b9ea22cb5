"""``vsdkit.Spice`` in the place of pycocoevalcap's: every value of the same ``gts, res``, and time.

    python benchmarks/spice_drop_in.py [DATA] [--items 500] [--models FOLDER]

DATA (or VSDKIT_DATA) is the folder with ``vsdv1_val.json`` and ``vsdv2_val.json``. Of each image
the captions of VSDv1 are the references, as they are in the file, and the first one of VSDv2 is
scored. Each side is a process of its own, in turns of five seconds. vsdkit scores from an empty
cache, then once more. The mean and every item's ``tp``, ``fp``, ``fn``, ``pr``, ``re``, ``f`` and
``numImages`` of each kind of tuple are compared bit for bit, and so are the names and their order.
Needs a JDK; fetches 385 MB into FOLDER if they are not there.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from peer import prepare_peer
from process_tree import Measured, Turns, measure
from split_shape import find_data
from surroundings import keep, name_machine, new_cache

from vsdkit import Spice

RESULT = Path(__file__).parent / "results" / "spice_drop_in.json"
ITEMS = 500
RUNS = ("cold", "repeat")


def main() -> None:
    """Measure, print and keep the result."""
    if sys.argv[1:2] == ["--child"]:
        score_here(Path(sys.argv[2]), Path(sys.argv[3]))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--models", type=Path, help="keep CoreNLP here; temporary by default")
    parser.add_argument("--java", help="the Java of pycocoevalcap; the one on PATH by default")
    parser.add_argument("--javac")
    arguments = parser.parse_args()
    cases = read_cases(find_data(arguments.data), arguments.items)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = arguments.models or folder / "models"
        peer = prepare_peer(
            folder / "peer", models=models, java=arguments.java, javac=arguments.javac
        )
        given = folder / "cases.json"
        given.write_text(json.dumps(cases), encoding="utf-8")
        turns = Turns()
        with ThreadPoolExecutor(1) as other:
            theirs_out = folder / "theirs.json"
            work = other.submit(
                measure, "pycocoevalcap", peer.command(given, theirs_out), turns=turns
            )
            try:
                taken = run_ours(given, folder, turns)
                theirs = work.result()
            except BaseException:
                turns.stop()
                raise
        result = {
            **name_machine(),
            "java_of_pycocoevalcap": peer.version(),
            "items": len(cases),
            "sentences": sum(1 + len(references) for _, references in cases),
            **compare(json.loads((folder / "cold.json").read_bytes()), theirs_out),
            "pycocoevalcap": theirs._asdict(),
            "vsdkit": {name: one._asdict() for name, one in taken.items()},
        }
        for one in result["vsdkit"].values():
            one["times_faster"] = round(theirs.seconds / one["seconds"], 2)
            one["share_of_memory"] = round(one["peak_mib"] / theirs.peak_mib, 3)
    print(json.dumps(result, indent=2))
    if arguments.items < ITEMS:
        print(f"not kept: fewer than {ITEMS:,} items")
        return
    keep(result, RESULT)


def read_cases(data: Path, count: int) -> list[tuple[str, list[str]]]:
    """Return each image's first caption of VSDv2 with its captions of VSDv1."""
    v1, v2 = (
        json.loads((data / f"vsd{version}_val.json").read_text(encoding="utf-8"))
        for version in ("v1", "v2")
    )
    return [
        (said["captions"][0], known["captions"])
        for said, known in list(zip(v2, v1, strict=True))[:count]
    ]


def run_ours(given: Path, folder: Path, turns: Turns) -> dict[str, Measured]:
    """Return what each run of vsdkit took; its scores are in the folder."""
    cache = new_cache(folder / "cache")
    return {
        name: measure(
            f"vsdkit, {name}",
            [sys.executable, __file__, "--child", str(given), str(folder / f"{name}.json")],
            environment={"VSDKIT_CACHE": str(cache)},
            turns=turns,
        )
        for name in RUNS
    }


def score_here(given: Path, out: Path) -> None:
    """Score the cases with ``vsdkit.Spice`` in this process."""
    cases = json.loads(given.read_bytes())
    mean, items = Spice().compute_score(
        {number: references for number, (_, references) in enumerate(cases)},
        {number: [sentence] for number, (sentence, _) in enumerate(cases)},
    )
    out.write_text(json.dumps({"mean": float(mean), "items": items}), encoding="utf-8")


def compare(ours: dict[str, Any], theirs_out: Path) -> dict[str, Any]:
    """Return how many values there are, and how many of them are not the same bit for bit."""
    theirs = json.loads(theirs_out.read_bytes())
    values = [list(_values(side["items"])) for side in (ours, theirs)]
    return {
        "mean": ours["mean"],
        "mean_of_pycocoevalcap": theirs["mean"],
        "values_compared": len(values[1]),
        "values_that_are_nan": sum(math.isnan(value) for _, value in values[1]),
        # As text: NaN is not equal to itself, and a text of a float is one float's alone.
        "differences": sum(str(one) != str(other) for one, other in zip(*values, strict=True)),
    }


def _values(items: list[dict[str, dict[str, float]]]) -> Any:
    for item in items:
        for kind, numbers in item.items():
            for name, value in numbers.items():
                yield f"{kind}.{name}", value


if __name__ == "__main__":
    main()
