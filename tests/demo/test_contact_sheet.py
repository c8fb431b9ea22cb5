from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import Box, GoldRow, PredictionRow
from vsdkit.demo.contact_sheet import draw_contact_sheet


def _gold(task: int) -> GoldRow:
    return GoldRow(
        *("1", "1.png", task, "red ball", "blue box"),
        subject_box=Box(10, 30, 10, 30),
        object_box=Box(50, 90, 40, 90),
        relations=("above",),
        references=("a red ball is above the blue box.",),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "heldout" / "images").mkdir(parents=True)
    Image.new("RGB", (100, 100), "white").save(tmp_path / "heldout" / "images" / "1.png")
    write_rows(tmp_path / "heldout" / "gold.jsonl", [_gold(task).to_dict() for task in (1, 2, 3)])
    return tmp_path


def test_boxes_are_red_for_the_subject_and_green_for_the_object(folder: Path) -> None:
    write_rows(folder / "preds.jsonl", [PredictionRow("1", 1, "above").to_dict()])
    draw_contact_sheet(folder, folder / "sheet.png")
    with Image.open(folder / "sheet.png") as sheet:
        colours = {colour for _, colour in sheet.convert("RGB").getcolors(1 << 20) or []}
    assert {(0xC6, 0x28, 0x28), (0x2E, 0x7D, 0x32)} <= colours


def test_rows_without_an_answer_are_drawn_too(folder: Path) -> None:
    write_rows(folder / "preds.jsonl", [PredictionRow("1", 1, None).to_dict()])
    draw_contact_sheet(folder, folder / "sheet.png")
    assert (folder / "sheet.png").stat().st_size > 1000
