"""The real annotations without their pictures: what the pipeline does on VSD's own words and boxes.

    python benchmarks/real_annotations.py DATA [FOLDER]

DATA holds ``vsdv1_val.json`` and ``vsdv2_val.json`` (github.com/zhaoyucs/VSD, not ours to ship;
or set VSDKIT_DATA). Each item's two boxes are drawn as labelled rectangles on a plain canvas, the
tiny model is trained on 2,400 items and predicts the other 527, and SPICE scores it beside the
most frequent label and "T1 R T2.". Nothing of the data is kept but the numbers in
``benchmarks/results/real_annotations.json``; pictures and predictions stay in FOLDER (a temporary
one by default).
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from surroundings import keep

from vsdkit.data.images import image_name
from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import GoldRow, PredictionRow, parse_box
from vsdkit.data.row_files import read_gold_rows
from vsdkit.score.baselines import most_frequent_label, plain_sentence
from vsdkit.score.headline import HEADLINE, headline

RESULT = Path(__file__).parent / "results" / "real_annotations.json"
TRAINING_ITEMS = 2400
MARGIN = 20


def main() -> None:
    """Draw, train, predict, score, print."""
    data = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("VSDKIT_DATA", ""))
    files = [data / "vsdv1_val.json", data / "vsdv2_val.json"]
    if not all(file.is_file() for file in files):
        sys.exit(
            "the data are missing: give the folder with vsdv1_val.json and vsdv2_val.json of "
            "github.com/zhaoyucs/VSD as an argument or in VSDKIT_DATA"
        )
    if len(sys.argv) > 2:
        measure(files, Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(files, Path(folder))


def measure(files: Sequence[Path], folder: Path) -> None:
    """Run the pipeline in ``folder`` and print the table."""
    prepare(files, folder)
    vsdkit(folder, "build-instructions", "train/vsdv1.json", "train/vsdv2.json")
    vsdkit(
        folder,
        *("build-instructions", "heldout/vsdv1.json", "heldout/vsdv2.json"),
        *("--output", "heldout/instructions.jsonl", "--gold", "heldout/gold.jsonl"),
    )
    vsdkit(folder, "finetune", "--profile", "tiny", "--images", "images", "--gpus", "2")
    vsdkit(folder, "infer", "heldout/gold.jsonl", "--images", "images", "--batch-size", "64")
    gold = read_gold_rows(folder / "heldout" / "gold.jsonl")
    write_baseline(folder / "preds.frequent.jsonl", most_frequent_label, gold)
    write_baseline(folder / "preds.plain.jsonl", plain_sentence, gold)
    rows = {
        "tiny model, fine-tuned": score(folder, "preds.jsonl"),
        "most frequent label, T1 R T2.": score(folder, "preds.frequent.jsonl"),
        "gold label, T1 R T2.": score(folder, "preds.plain.jsonl"),
    }
    show(rows)
    keep(rows, RESULT)


def prepare(files: Sequence[Path], folder: Path) -> None:
    """Split the items and draw a canvas for each."""
    versions = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    order = [item["img_id"] for item in versions[0]]
    random.Random(0).shuffle(order)
    training = set(order[:TRAINING_ITEMS])
    for part in ("train", "heldout"):
        (folder / part).mkdir(parents=True, exist_ok=True)
        for name, items in zip(("vsdv1", "vsdv2"), versions, strict=True):
            chosen = [item for item in items if (item["img_id"] in training) == (part == "train")]
            (folder / part / f"{name}.json").write_text(json.dumps(chosen), encoding="utf-8")
    (folder / "images").mkdir(exist_ok=True)
    for item in versions[0]:
        draw(item["triple_list"][0]).save(folder / "images" / image_name(item["img_id"]))


def draw(triple: dict[str, Any]) -> Image.Image:
    """Return a canvas with the subject's box in red, the object's in green, and their tags."""
    boxes = [parse_box(triple[key]) for key in ("s_bbox", "o_bbox")]
    size = tuple(round(max(box[corner] for box in boxes)) + MARGIN for corner in (3, 1))
    canvas = Image.new("RGB", (size[0], size[1]), (246, 246, 246))
    pen = ImageDraw.Draw(canvas)
    stroke = max(3, max(size) // 40)
    font = ImageFont.load_default(max(12, max(size) // 20))
    for tag, box, colour in zip(
        (triple["s"], triple["o"]), boxes, ("#d62828", "#1e9646"), strict=True
    ):
        pen.rectangle(box.corners, outline=colour, width=stroke)
        pen.text((box.x_min + stroke, box.y_min + stroke), tag, colour, font)
    return canvas


def write_baseline(
    path: Path,
    baseline: Callable[[Sequence[GoldRow]], Iterable[PredictionRow]],
    gold: Sequence[GoldRow],
) -> None:
    """Write what a baseline answers."""
    write_rows(path, (row.to_dict() for row in baseline(gold)))


def vsdkit(folder: Path, *arguments: str) -> str:
    """Run one command in the folder and return what it printed to stdout."""
    print("$ vsdkit", *arguments, file=sys.stderr)
    command = [sys.executable, "-m", "vsdkit", *arguments]
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


def score(folder: Path, preds: str) -> dict[str, float | None]:
    """Return the numbers of one file of predictions."""
    return headline(json.loads(vsdkit(folder, "score", preds, "heldout/gold.jsonl", "--json")))


def show(rows: dict[str, dict[str, float | None]]) -> None:
    """Print the table."""
    width = max(map(len, rows))
    print(" " * width, *(f"{column:>9}" for column in HEADLINE))
    for name, numbers in rows.items():
        print(f"{name:{width}}", *(f"{shown(numbers[column]):>9}" for column in HEADLINE))


def shown(number: float | None) -> str:
    """Return a number as the table prints it."""
    return "n/a" if number is None else f"{number:.2f}"


if __name__ == "__main__":
    main()
