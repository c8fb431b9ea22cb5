from __future__ import annotations

from pathlib import Path

import pytest

from vsdkit.data.records import GoldRow
from vsdkit.score import score_answers

GOLD = [
    GoldRow("7", "7.jpg", 1, "cup", "tray", relations=("on",)),
    GoldRow("7", "7.jpg", 2, "cup", "tray", relations=("on",), references=("a cup on a tray",)),
]


@pytest.mark.java
def test_raw_answers_are_read_and_scored(kept_spice_cache: Path) -> None:
    report = score_answers(GOLD, ["The cup is on the tray.", "A cup on\na tray."])
    assert report.numbers["task1.f1_micro"] == 100
    assert report.numbers["task2.spice"] == 100
    assert report.numbers["task2.bleu4"] == pytest.approx(100)
    assert report.reasons["task3.spice"] == "no gold rows of task 3"
    assert report.systems[0].intervals == {}


def test_every_row_has_one_answer() -> None:
    with pytest.raises(ValueError, match="shorter"):
        score_answers(GOLD, ["on"])
