"""What the readings of BLEU, SPICE and mBLEU make of the same sentences, by ``vsdkit score``.

    python benchmarks/readings.py [DATA]

DATA (or VSDKIT_DATA) is the folder with ``vsdv1_val.json`` and ``vsdv2_val.json``. Every item gets
the same sentence, filled in with its tags and gold relation, or one of its human captions; task 2
is scored against VSDv1, task 3 against VSDv2. The table is the one in docs/scoring.md; the numbers
go to ``benchmarks/results/readings.json``. SPICE parses what the user's cache does not hold yet:
two to three minutes on two cores, then half a minute.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from split_shape import find_data

from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.formats import read_gold

RESULT = Path(__file__).parent / "results" / "readings.json"
PLAIN = {
    '"T1 R T2." (the paper\'s sentence 1)': "{s} {r} {o}.",
    '"there is a T1 R the T2."': "there is a {s} {r} the {o}.",
    '"a T1 is R a T2."': "a {s} is {r} a {o}.",
    '"The T1 is R the T2."': "The {s} is {r} the {o}.",
}
COLUMNS = {
    "task 2: BLEU-4": ("task2", "bleu4"),
    "BLEU-4 coco": ("task2", "bleu4_coco"),
    "SPICE": ("task2", "spice"),
    "SPICE mean": ("task2", "spice_mean"),
    "SPICE coco": ("task2", "spice_coco"),
    "z2": ("task2", "z2"),
    "task 3: SPICE": ("task3", "spice"),
    "SPICE 3 coco": ("task3", "spice_coco"),
    "mBLEU-4": ("task3", "mbleu4"),
    "mBLEU-4 corpus": ("task3", "mbleu4_corpus"),
}

Scores = dict[str, dict[str, float | None]]
Rows = dict[tuple[str, int], GoldRow]
Answer = Callable[[GoldRow], str | tuple[str, ...]]


def main() -> None:
    """Score each sentence, print the table and keep it."""
    data = find_data(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    found = read_gold([data / "vsdv1_val.json", data / "vsdv2_val.json"])
    gold = {(row.id, row.task): row for row in found.rows}
    result: dict[str, Any] = {"items": len(gold) // 3}
    with tempfile.TemporaryDirectory() as folder:
        for name, (rows, answer) in systems(gold).items():
            result[name] = score(rows, answer, Path(folder))
            print(line(name, result[name]), flush=True)
    RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"kept in {RESULT}")


def systems(gold: Rows) -> dict[str, tuple[list[GoldRow], Answer]]:
    """Return, by name, the rows that are asked and what is answered."""
    every = [row for row in gold.values() if row.task != 1]
    two = [row for row in every if row.task == 2]
    three = [row for row in every if row.task == 3]
    several = [row for row in two if len(row.references) > 1]
    others = [replace(row, references=row.references[1:]) for row in several]
    v1 = {row.id: row.references for row in two}
    v2 = {row.id: row.references for row in three}

    def plain(shape: str, row: GoldRow) -> str:
        return shape.format(s=row.subject, r=row.relations[0], o=row.object)

    def filled(shape: str) -> Answer:
        return lambda row: plain(shape, row) if row.task == 2 else (plain(shape, row),) * 3

    first, *_ = PLAIN.values()
    return {
        **{name: (every, filled(shape)) for name, shape in PLAIN.items()},
        "the item's first VSDv2 caption (human)": (two, lambda row: v2[row.id][0]),
        "the item's first VSDv1 caption (human)": (three, lambda row: (v1[row.id][0],) * 3),
        "the item's last VSDv1 caption (human)": (three, lambda row: (v1[row.id][-1],) * 3),
        f"first VSDv1 caption against the item's other ones ({len(others):,} items)": (
            others,
            lambda row: v1[row.id][0],
        ),
        '"T1 R T2.", a VSDv1 and a VSDv2 caption (three different)': (
            three,
            lambda row: (plain(first, row), v1[row.id][0], v2[row.id][0]),
        ),
    }


def score(rows: Sequence[GoldRow], answer: Answer, folder: Path) -> Scores:
    """Return what ``vsdkit score`` says, and the mean over references beside their maximum."""
    write_rows(folder / "gold.jsonl", (row.to_dict() for row in rows))
    write_rows(
        folder / "preds.jsonl",
        (PredictionRow(row.id, row.task, answer(row)).to_dict() for row in rows),
    )
    command = [sys.executable, "-m", "vsdkit", "score", "preds.jsonl", "gold.jsonl", "--json"]
    command += ["--bootstrap", "0", "--items", "items.jsonl"]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=True)
    document = json.loads(done.stdout)
    items = map(json.loads, (folder / "items.jsonl").read_text(encoding="utf-8").splitlines())
    means = [fmean(row["spice_by_reference"]) for row in items if row["task"] == 2]
    two = {**document["task2"], "spice_mean": fmean(means) if means else None, "z2": document["z2"]}
    return {"task2": two, "task3": document["task3"]}


def line(name: str, scores: Scores) -> str:
    """Return a row of the table in docs/scoring.md."""
    values = [scores[task].get(field) for task, field in COLUMNS.values()]
    cells = ["-" if value is None else f"{value:.2f}" for value in values]
    return f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
