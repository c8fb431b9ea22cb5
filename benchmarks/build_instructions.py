"""Time and memory of build-instructions on the data repeated to 120,000 rows, beside plain json.

Each measurement runs in its own child process. The yardstick reads both files with ``json.load``
and turns the same instruction rows into text with ``json.dumps``; the command checks, joins and
chooses besides, and writes to the disk: instruction rows, gold rows, hashes of all files.

    VSDKIT_DATA=folder python benchmarks/build_instructions.py [folder]

The folder holds ``vsdv1_val.json`` and ``vsdv2_val.json`` (docs/data.md).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from surroundings import keep, name_machine

ROWS = 120_000
REPEATS = 7
RESULT = Path(__file__).parent / "results" / "build_instructions.json"


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", nargs="?", default=os.environ.get("VSDKIT_DATA"), type=Path)
    parser.add_argument("--child", nargs=2, metavar=("WHAT", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        what, folder = arguments.child
        print(json.dumps(measure(what, Path(folder))))
        return
    sources = find_sources(arguments.data)
    with tempfile.TemporaryDirectory() as folder:
        result = compare(sources, Path(folder))
    keep(result, RESULT)


def find_sources(data: Path | None) -> tuple[Path, Path]:
    """Return VSDv1 and VSDv2, or end with what to do."""
    if data is None:
        sys.exit(
            "no data: name the folder of vsdv1_val.json and vsdv2_val.json, or set VSDKIT_DATA"
        )
    sources = (data / "vsdv1_val.json", data / "vsdv2_val.json")
    for source in sources:
        if not source.is_file():
            sys.exit(f"no data: {source} is not there (docs/data.md tells where it comes from)")
    return sources


def compare(sources: tuple[Path, Path], folder: Path) -> dict[str, Any]:
    """Return the numbers at a quarter, a half and the whole of 120,000 rows."""
    once = folder / "once"
    repeat(sources, once, 1)
    rows_once = run("build", once)["rows"]
    whole = -(-ROWS // rows_once)
    sizes = []
    for copies in sorted({1, max(1, whole // 4), max(1, whole // 2), whole}):
        place = folder / str(copies)
        repeat(sources, place, copies)
        build, plain = best(place)
        line = {
            "rows": build["rows"],
            "gold_rows": build["gold_rows"],
            "build_seconds": build["seconds"],
            "build_peak_mib": build["peak_mib"],
            "json_seconds": plain["seconds"],
            "json_peak_mib": plain["peak_mib"],
            "seconds_ratio": round(build["seconds"] / plain["seconds"], 2),
            "peak_ratio": round(build["peak_mib"] / plain["peak_mib"], 2),
        }
        sizes.append(line)
        print(
            f"{line['rows']:>8,} rows + {line['gold_rows']:>6,} gold: "
            f"{line['build_seconds']:.2f} s, {line['build_peak_mib']:.0f} MiB; "
            f"json {line['json_seconds']:.2f} s, {line['json_peak_mib']:.0f} MiB; "
            f"ratio {line['seconds_ratio']:.2f} (time), {line['peak_ratio']:.2f} (memory)"
        )
    return {
        "what": "fastest of the repeats; time inside the child, memory at the child's peak",
        "repeats": REPEATS,
        **name_machine(),
        "ratio": sizes[-1]["seconds_ratio"],
        "goal": 3.0,
        "sizes": sizes,
    }


def repeat(sources: tuple[Path, Path], folder: Path, copies: int) -> None:
    """Write both files with their pictures repeated under new ids."""
    folder.mkdir(exist_ok=True)
    for name, source in zip(("v1.json", "v2.json"), sources, strict=True):
        items = json.loads(source.read_text(encoding="utf-8"))
        repeated = [
            item | {"img_id": f"{copy}_{item['img_id']}"}
            for copy in range(copies)
            for item in items
        ]
        (folder / name).write_text(json.dumps(repeated), encoding="utf-8")


def best(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the least disturbed measurement of the command and of the yardstick, in turns."""
    pairs = [(run("build", folder), run("plain", folder)) for _ in range(REPEATS)]
    builds, plains = zip(*pairs, strict=True)
    return tuple(min(runs, key=lambda one: float(one["seconds"])) for runs in (builds, plains))


def run(what: str, folder: Path) -> dict[str, Any]:
    """Return what a child process measured."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", what, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def measure(what: str, folder: Path) -> dict[str, Any]:
    """Return time, peak memory and counts of one job in this process."""
    result = {"build": build, "plain": plain}[what](folder)
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result["seconds"] = round(result["seconds"], 3)
    return result | {"peak_mib": round(peak_kib / 1024, 1)}


def build(folder: Path) -> dict[str, Any]:
    """Run the command's library function."""
    from vsdkit.instructions import build_instructions
    from vsdkit.settings.build_instructions import BuildInstructionsSettings

    settings = BuildInstructionsSettings(
        v1=folder / "v1.json",
        v2=folder / "v2.json",
        output=folder / "instructions.jsonl",
        gold=folder / "gold.jsonl",
    )
    began = time.perf_counter()
    report = build_instructions(settings)
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "rows": sum(report.rows.values()),
        "gold_rows": sum(report.gold_rows.values()),
    }


def plain(folder: Path) -> dict[str, Any]:
    """Time ``json.load`` of both files and ``json.dumps`` of the rows that ``build`` left."""
    began = time.perf_counter()
    files = []
    for name in ("v1.json", "v2.json"):
        with (folder / name).open(encoding="utf-8") as file:
            files.append(json.load(file))
    seconds = time.perf_counter() - began
    with (folder / "instructions.jsonl").open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            began = time.perf_counter()
            json.dumps(row)
            seconds += time.perf_counter() - began
    return {"seconds": seconds}


if __name__ == "__main__":
    main()
