"""A small world of odd items with the answers of two systems, read and scored once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import GoldRow, PredictionRow, parse_box
from vsdkit.progress import SILENT
from vsdkit.report.predictions.answered import Answered, read_answered
from vsdkit.settings.report import ReportSettings

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "a cup\u2028 on\u2029 a table",
    "a\0b on c",
    "A cup, on; the 'table'.",
    "the cup is to the left of the table",
    "word " * 2_000,
)
IMAGES = (
    "../../x.jpg",
    "a/b.jpg",
    "q\"uo'te.jpg",
    "line\nbreak.jpg",
    "5.jpg",
    "brök en.png",
    "7.jpg",
)


@dataclass(frozen=True)
class World:
    """Files of the odd items."""

    gold: Path
    """Seven items of three tasks."""
    whole: Path
    """Answers to all rows, most of them right."""
    torn: Path
    """Answers of the same file name: unparsed, failed, and none of the fourth item."""


def items() -> Iterator[GoldRow]:
    """Yield the rows of gold."""
    boxes = {0: ([1, 2, 3, 4], [1.25, 2, 3, 4]), 1: ([-10, 20, -5, 5000], None), 3: (None, None)}
    for number, (image, caption) in enumerate(zip(IMAGES, HOSTILE, strict=True)):
        subject, object_ = boxes.get(number, ([1, 5, 1, 5], [2, 8, 2, 8]))
        for task in (1, 2, 3):
            yield GoldRow(
                id=image if number % 2 else image.rpartition(".")[0],
                image=image,
                task=task,
                # Of the third item both are one.
                subject="table" if number == 2 else "cup",
                object="table",
                subject_box=parse_box(subject) if subject else None,
                object_box=parse_box(object_) if object_ else None,
                relations=("on", "to the left of") if number % 2 else ("in",),
                references=() if task == 1 else (caption, "the cup is in the table"),
            )


def answer(row: GoldRow, caption: str) -> PredictionRow:
    """Return what the first system says."""
    said: dict[int, Any] = {
        1: "left",
        2: caption,
        3: (caption, "a cup in a table", "" if row.subject == row.object else caption),
    }
    weighed = {"to the left of": 0.8, "on": 0.2, "in": 0.0001, "odd": "text"}
    return PredictionRow(
        row.id,
        row.task,
        said[row.task],
        raw=f"{caption} ?",
        probabilities=weighed if row.task == 1 and row.image == "7.jpg" else None,  # type: ignore[arg-type]
        because="<b>boxes</b>" if row.task == 1 else None,
    )


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Write gold and two systems' answers."""
    folder = tmp_path_factory.mktemp("odd")
    made = World(folder / "gold.jsonl", folder / "a" / "preds.jsonl", folder / "b" / "preds.jsonl")
    rows = list(items())
    captions = dict(zip(IMAGES, HOSTILE, strict=True))
    whole = [answer(row, captions[row.image]) for row in rows]
    torn = [
        PredictionRow(
            one.id,
            one.task,
            "no label" if one.task == 1 else None,
            raw="no label",
            error="it broke </script>" if one.id == "7" and one.task > 1 else None,
        )
        for one in whole
        if not one.id.startswith("line")
    ]
    write_rows(made.gold, [row.to_dict() for row in rows])
    write_rows(made.whole, [row.to_dict() for row in whole])
    write_rows(made.torn, [row.to_dict() for row in torn])
    return made


@pytest.fixture(scope="session")
def odd(world: World, _kept_cache: Path) -> Answered:
    """Return both systems' answers, scored; Java starts once for all tests."""
    settings = ReportSettings(
        inputs=(world.whole, world.torn), gold=(world.gold,), allow_missing=True, bootstrap=100
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VSDKIT_CACHE", str(_kept_cache))
        return read_answered(settings, SILENT)
