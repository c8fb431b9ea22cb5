"""``vsdkit report`` on 5,855 items: time to score, write and open, and its bytes by piece.

    python benchmarks/report.py [DATA] [--items 5855] [--cache FOLDER]

DATA (or VSDKIT_DATA) is the folder with ``vsdv1_val.json`` and ``vsdv2_val.json``, whose items are
repeated under other ids until there are enough. One system says "T1 R T2." with gold's relation;
two are that one and "there is a T1 R the T2."; sentences are parsed before anything is measured.
The peer is what people do otherwise: the same rows as one page of ``pandas.DataFrame.to_html``.
With Chromium and Playwright both pages are opened from the disk, three times each in turn, and the
median counts. FOLDER keeps the parsed sentences of an earlier run. About three minutes on two
cores.
"""

from __future__ import annotations

import argparse
import json
import runpy
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from process_tree import measure
from split_shape import ITEMS, find_data
from surroundings import keep, name_machine, new_cache

from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import GoldRow
from vsdkit.data.row_files import read_gold_rows, read_prediction_rows
from vsdkit.formats import read_gold
from vsdkit.progress import SILENT, Tracker
from vsdkit.report import report
from vsdkit.report.page import Page
from vsdkit.report.thumbnails import make_thumbnails
from vsdkit.score.baselines import existential_sentence, plain_sentence

RESULT = Path(__file__).parent / "results" / "report.json"
GOAL_BYTES = 1_000_000
GOAL_BYTES_AT_FIRST = 350_000
GOAL_SECONDS_TO_FIRST_PAINT = 2.0
PICTURES = 300
# What Visual Genome's pictures mostly have.
PICTURE_SIZE = (500, 375)
RUNS = {"one system": ["plain.jsonl"], "two systems": ["plain.jsonl", "there.jsonl"]}
OPENED = 3
BROWSER = runpy.run_path(str(Path(__file__).parents[1] / "scripts" / "browser.py"))
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def main() -> None:
    """Measure, print and keep the result."""
    if sys.argv[1:2] == ["--child"]:
        report_here(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--cache", type=Path, help="keep parsed sentences; temporary by default")
    arguments = parser.parse_args()
    data = find_data(arguments.data)
    result: dict[str, Any] = {
        **name_machine(),
        "goal_bytes": GOAL_BYTES,
        "goal_bytes_at_first": GOAL_BYTES_AT_FIRST,
        "goal_seconds_to_first_paint": GOAL_SECONDS_TO_FIRST_PAINT,
        "items": arguments.items,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(data, folder, arguments.items)
        cache = new_cache((arguments.cache or folder / "cache").absolute())
        write_reports(folder, cache, result)
        result["pictures a second"] = time_pictures(folder)
        peer = write_peer(folder)
        result["pandas to_html"] = {"bytes": peer.stat().st_size}
        open_pages({"one system": folder / "one-system" / "index.html", "peer": peer}, result)
    print(json.dumps(result, indent=2))
    if arguments.items < ITEMS:
        print(f"not kept: fewer than {ITEMS:,} items")
        return
    keep(result, RESULT)


def write_files(data: Path, folder: Path, items: int) -> None:
    """Write gold of so many items, and the two files of predictions."""
    rows = read_gold([data / "vsdv1_val.json", data / "vsdv2_val.json"]).rows
    gold = list(repeated(rows, items))
    write_rows(folder / "gold.jsonl", (row.to_dict() for row in gold))
    for name, predict in {"plain": plain_sentence, "there": existential_sentence}.items():
        write_rows(folder / f"{name}.jsonl", (row.to_dict() for row in predict(gold)))


def repeated(rows: Sequence[GoldRow], items: int) -> Iterator[GoldRow]:
    """Yield the rows of so many items: those given, then again under other ids and images."""
    ids = list(dict.fromkeys(row.id for row in rows))
    named = ((copy, name) for copy in count() for name in ids)
    wanted = set(islice(named, items))
    for copy in range(-(-items // len(ids))):
        # A number, as most ids are: other names would take other bytes.
        mark = f"{copy}00" if copy else ""
        for row in rows:
            if (copy, row.id) in wanted:
                yield replace(row, id=mark + row.id, image=mark + row.image)


class Clock:
    """A listener that notes when the page began to be written."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.scored = 0.0

    def message(self, text: str) -> None:
        """Drop it."""

    @contextmanager
    def track(self, description: str, *, total: int | None) -> Iterator[Tracker]:
        """Note the time if it is the page."""
        if description == "writing the page":
            self.scored = time.perf_counter() - self.began
        with SILENT.track(description, total=total) as tracker:
            yield tracker


def report_here(words: Sequence[str]) -> None:
    """Write a report in this process; say how long its parts took, and what it holds."""
    output, *inputs = words
    clock = Clock()
    written = report(inputs=inputs, gold=["gold.jsonl"], output=output, listener=clock)
    seconds = time.perf_counter() - clock.began
    told = {
        "seconds_until_scored": round(clock.scored, 2),
        "seconds_writing": round(seconds - clock.scored, 2),
        "bytes": dict(written.sizes),
    }
    Path(f"{output}.json").write_text(json.dumps(told), encoding="utf-8")


def write_reports(folder: Path, cache: Path, result: dict[str, Any]) -> None:
    """Enter what the reports of one and of two systems take."""
    environment = {"VSDKIT_CACHE": str(cache)}
    for name, inputs in {"parsed before": RUNS["two systems"], **RUNS}.items():
        output = name.replace(" ", "-")
        child = [sys.executable, __file__, "--child", output, *inputs]
        taken = measure(f"report, {name}", child, environment=environment, folder=folder)
        if name in RUNS:
            told = json.loads((folder / f"{output}.json").read_text(encoding="utf-8"))
            sizes: Mapping[str, int] = told["bytes"]
            told["bytes_together"] = sum(sizes.values())
            told["bytes_at_first"] = sum(
                sizes[piece] for piece in ("index.html", "assets", "words", "summary", "entries")
            )
            result[name] = taken._asdict() | told


def time_pictures(folder: Path) -> dict[str, float]:
    """Return how many pictures a second get small copies, and how many keep those they have."""
    from PIL import Image

    pictures = folder / "pictures"
    pictures.mkdir()
    random = np.random.default_rng(0)
    paths = {}
    for number in range(PICTURES):
        path = pictures / f"{number}.jpg"
        # Clouds of several sizes, which take a JPEG about what a photograph takes.
        clouds = random.integers(0, 255, (PICTURE_SIZE[1] // 4, PICTURE_SIZE[0] // 4, 3), np.uint8)
        Image.fromarray(clouds).resize(PICTURE_SIZE).save(path, quality=90)
        paths[path.name] = path
    page = Page(folder / "pictures-report")
    taken = {}
    for name in ("made", "kept"):
        began = time.perf_counter()
        make_thumbnails(paths, page, SILENT)
        taken[name] = round(PICTURES / (time.perf_counter() - began), 1)
    sizes = [path.stat().st_size for path in page.thumbnails.iterdir()]
    return {**taken, "largest_bytes": max(sizes)}


def write_peer(folder: Path) -> Path:
    """Write the same rows as one table with everything in it."""
    import pandas  # type: ignore[import-untyped]

    answers = {row.key: row.prediction for row in read_prediction_rows(folder / "plain.jsonl")}
    table: dict[str, dict[str, Any]] = {}
    for row in read_gold_rows(folder / "gold.jsonl"):
        cells = table.setdefault(
            row.id,
            {
                "image": row.image,
                "subject": row.subject,
                "object": row.object,
                "subject_box": row.subject_box and list(row.subject_box),
                "object_box": row.object_box and list(row.object_box),
                "relations": row.relations,
            },
        )
        cells |= {f"references {row.task}": row.references, f"answer {row.task}": answers[row.key]}
    peer = folder / "peer.html"
    # By default pandas cuts a cell after 50 characters.
    with pandas.option_context("display.max_colwidth", None):
        html = pandas.DataFrame.from_dict(table, orient="index").to_html()
    peer.write_text(f"<!doctype html><meta charset=utf-8>{html}", encoding="utf-8")
    return peer


def open_pages(pages: Mapping[str, Path], result: dict[str, Any]) -> None:
    """Enter seconds until something is painted, and until the page can be used."""
    if BROWSER["find_browser"]() is None:
        print("no Chromium here: the pages are not opened")
        return
    from playwright.sync_api import sync_playwright

    ready = {
        # The first entry with its sentences, and the filters.
        "one system": "() => document.querySelector('#list article')"
        " && !document.querySelector('#filters').hidden",
        "peer": "() => document.readyState === 'complete'",
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in pages}
    with sync_playwright() as playwright:
        started = BROWSER["start_browser"](playwright)
        for _ in range(OPENED):
            for name, path in pages.items():
                tab = started.new_page(viewport={"width": 1600, "height": 900})
                tab.goto(path.as_uri(), wait_until="commit")
                tab.wait_for_function(f"() => ({PAINTED}) !== null", timeout=120_000)
                tab.wait_for_function(ready[name], timeout=120_000)
                usable = tab.evaluate("performance.now()")
                taken[name].append((tab.evaluate(PAINTED), usable))
                tab.close()
        result["browser"] = f"Chromium {started.version}"
        started.close()
    for name, runs in taken.items():
        painted, usable = (median(column) / 1000 for column in zip(*runs, strict=True))
        result["pandas to_html" if name == "peer" else name] |= {
            "seconds_to_first_paint": round(painted, 2),
            "seconds_until_usable": round(usable, 2),
        }


if __name__ == "__main__":
    main()
