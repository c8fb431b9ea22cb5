"""Verdicts on answers."""

from __future__ import annotations

from typing import Any

import pytest

from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.formats.align import AlignedRow
from vsdkit.report.predictions.answered import Answer
from vsdkit.report.predictions.verdicts import VERDICTS, verdict_of

NOTHING: list[str] = []


def answer(task: int, said: Any, *, error: str | None = None, **facts: Any) -> Answer:
    gold = GoldRow("1", "1.jpg", task, "cup", "table", relations=("on",))
    row = PredictionRow("1", task, said, error=error)
    return Answer(AlignedRow(gold, row), facts)


@pytest.mark.parametrize(
    ("given", "letter"),
    [
        (None, "-"),
        (Answer(AlignedRow(GoldRow("1", "1.jpg", 1, "a", "b"), None), {}), "M"),
        (answer(1, None, error="no memory"), "E"),
        (answer(1, "none of them", correct=False), "U"),
        (answer(1, "on", correct=True), "R"),
        (answer(1, "in", correct=False), "W"),
        (answer(1, "in"), "A"),
        (answer(2, "...", stated=NOTHING, agrees=False), "U"),
        (answer(2, "a cup", stated=NOTHING, agrees=False), "N"),
        (answer(2, "a cup on it", stated=["on"], agrees=True), "R"),
        (answer(2, "a cup in it", stated=["in"], agrees=False), "W"),
        (answer(2, "a cup", stated=NOTHING), "A"),
        (answer(3, ("a", "b", "c"), stated=[["on"], [], ["on"]], agrees=[True, False, True]), "R"),
        (answer(3, ("a", "b", "c"), stated=[["on"], [], ["in"]], agrees=[True, False, False]), "W"),
        (answer(3, ("a", "b", "c"), stated=[[], [], []], agrees=[False] * 3), "N"),
        (answer(3, ("a", "", "c"), stated=[[], [], []], agrees=[False] * 3), "U"),
    ],
)
def test_an_answer_has_the_verdict_of_what_it_says(given: Answer | None, letter: str) -> None:
    assert verdict_of(given) == letter
    assert letter in VERDICTS
