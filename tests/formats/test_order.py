"""Which gold row the n-th answer belongs to: told or decided, never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsdkit.errors import AlignmentError, DataError
from vsdkit.formats.order import match_order

PATH = Path("lines.txt")


@pytest.mark.parametrize(
    ("answers", "task", "reason"),
    [
        (["on", "Left.", "next to", "behind"], 1, "4 of 4 are labels"),
        (["a cup", "a mug", "", "on a mat"], 2, "4 of 4 are one sentence"),
        (["a\\nb\\nc"] * 4, 3, "4 of 4 are three sentences each"),
    ],
)
def test_task_is_decided_from_the_answers(gold, answers, task, reason) -> None:
    order = match_order(gold, answers, task=None, path=PATH)
    assert {row.task for row in order.gold} == {task}
    assert order.reason == f"task {task}: {reason}"


def test_task_is_told(gold) -> None:
    order = match_order(gold, ["on"] * 4, task=2, path=PATH)
    assert ({row.task for row in order.gold}, order.reason) == ({2}, "task 2, as told")


def test_task_is_the_only_one_with_as_many_rows(gold) -> None:
    rows = [row for row in gold if row.task == 1 or row.id != "41"]
    order = match_order(rows, ["a cup"] * 4, task=None, path=PATH)
    assert {row.task for row in order.gold} == {1}
    assert "the only one" in order.reason


def test_answers_to_all_rows(gold) -> None:
    order = match_order(gold, ["on"] * 12, task=None, path=PATH)
    assert order.gold == gold


def test_mixture_is_not_guessed(gold) -> None:
    with pytest.raises(DataError, match=r"nothing tells which task.*'a cup on a mat'") as caught:
        match_order(gold, ["on", "in", "a cup on a mat", "on"], task=None, path=PATH)
    assert caught.value.where == "lines.txt:3"
    assert "--task" in caught.value.hint


def test_answers_that_look_like_a_task_of_another_count(gold) -> None:
    rows = [row for row in gold if row.task != 1]
    with pytest.raises(AlignmentError, match=r"look like task 1 .* 0 rows of it"):
        match_order(rows, ["on"] * 4, task=None, path=PATH)


def test_wrong_count_names_both_counts_and_the_first_row(gold) -> None:
    with pytest.raises(
        AlignmentError,
        match=r"3 answers, but gold has 4 rows of task 1; the first gold row .* id '44', task 1",
    ) as caught:
        match_order(gold, ["on"] * 3, task=1, path=PATH)
    assert caught.value.where == "lines.txt:4"
    with pytest.raises(AlignmentError, match=r"5 answers, but gold has 12 rows \(4 of task 1"):
        match_order(gold, ["on"] * 5, task=None, path=PATH)
    with pytest.raises(AlignmentError, match="the first answer without a gold row: 'last'"):
        match_order(gold, ["on"] * 4 + ["last"], task=1, path=PATH)
