"""What is wrong, on rows made up here; no Java."""

from __future__ import annotations

from typing import Any

import pytest

from vsdkit.data.records import Box, GoldRow, PredictionRow
from vsdkit.formats.align import AlignedRow
from vsdkit.metrics import score_bleu4
from vsdkit.score.diagnosis import diagnose

LEFT = "to the left of"
WEST, EAST = Box(0, 10, 0, 10), Box(0, 10, 50, 60)


def row(
    task: int,
    prediction: Any,
    relations: tuple[str, ...] = ("on",),
    *,
    name: str = "1",
    boxes: tuple[Box | None, Box | None] = (None, None),
) -> AlignedRow:
    references = () if task == 1 else ("The lamp is on the crate.",)
    gold = GoldRow(name, f"{name}.jpg", task, "lamp", "crate", *boxes, relations, references)
    return AlignedRow(
        gold, PredictionRow(name, task, prediction) if prediction != "missing" else None
    )


def test_sides_are_held_against_the_boxes() -> None:
    rows = [
        row(1, LEFT, (LEFT,), name="agrees", boxes=(WEST, EAST)),
        row(1, "on", (LEFT,), name="agrees, wrong", boxes=(WEST, EAST)),
        row(1, LEFT, (LEFT,), name="disagrees", boxes=(EAST, WEST)),
        row(1, LEFT, (LEFT,), name="one above the other", boxes=(WEST, WEST)),
        row(1, "on", (LEFT,), name="no box", boxes=(WEST, None)),
        row(1, "on", ("on",), name="no side", boxes=(WEST, EAST)),
    ]
    found = diagnose({1: rows, 2: [row(2, "A lamp.", ("to the right of",), boxes=(EAST, WEST))]})
    left, right = found.sides
    assert (left.relation, left.pairs, left.disagree) == (LEFT, 4, 2)
    assert (left.correct_agreeing, left.correct_disagreeing) == (1, 2)
    assert (right.pairs, right.disagree, right.correct_agreeing) == (1, 0, 0)
    agree = [row.get("boxes_agree") for row in found.rows[1]]
    assert agree == [True, True, False, False, None, None]
    assert found.to_dict()["left_right"][LEFT]["disagree"] == 2


def test_rows_of_tasks_2_and_3_have_their_facts() -> None:
    three = ("A lamp on the crate.", "The crate is under a lamp.", "A boat.")
    found = diagnose({2: [row(2, "A lamp in the crate."), row(2, None)], 3: [row(3, three)]})
    said, silent = found.rows[2]
    assert (said["subject_named"], said["stated"], said["agrees"]) == (True, ("in",), False)
    assert (silent["subject_named"], silent["stated"]) == (False, ())
    assert said["references"] == ["The lamp is on the crate."]
    assert found.rows[3][0]["strict"] == [True, False, False]
    assert found.rows[3][0]["agrees"] == [True, True, False]
    assert found.statements[2].instead == {"in": 1}
    assert found.by_relation[3]["on"].agrees == 2
    assert found.by_relation[3]["in"].sentences == 0


def test_silence_counts_as_three_sentences_that_say_nothing() -> None:
    found = diagnose({3: [row(3, None), row(3, "missing")]}, tokens={})
    assert (found.statements[3].sentences, found.statements[3].subject_named) == (6, 0)
    assert found.mbleu4_by_pair is None
    assert found.to_dict()["task3"]["mbleu4_by_pair"] is None


def test_mbleu4_by_pair_is_the_mean_of_both_directions() -> None:
    texts = ("a lamp is on the crate", "a lamp is on the old crate now", "boats go by at noon")
    tokens = {text: text.split() for text in texts}
    found = diagnose({3: [row(3, texts), row(3, None)]}, tokens)
    first, second, _ = tokens.values()
    forth = score_bleu4([first], [[second]]).corpus
    back = score_bleu4([second], [[first]]).corpus
    assert found.mbleu4_by_pair is not None
    assert found.mbleu4_by_pair["1-2"] == pytest.approx((forth + back) / 2)
    assert found.mbleu4_by_pair["1-3"] == pytest.approx(0, abs=0.01)
    assert found.rows[3][0]["mbleu4_by_pair"] == found.mbleu4_by_pair
    assert "mbleu4_by_pair" not in found.rows[3][1]


def test_tables_are_as_wide_as_their_columns() -> None:
    three = ("A lamp on the crate.", "The crate is under a lamp.", "A boat.")
    pairs = {
        1: [row(1, LEFT, (LEFT,), name="left", boxes=(WEST, EAST))],
        2: [row(2, "A lamp behind the crate.")],
        3: [row(3, three)],
    }
    tables = diagnose(pairs, {text: text.split() for text in three}).tables()
    assert [table.title.split(":")[0] for table in tables] == [
        *("task 1 by relation", "task 1"),
        "gold left and right against the centres of the boxes",
        *("task 2", "task 3", "task 3"),
    ]
    for table in tables:
        assert table.rows
        assert all(len(row) == len(table.columns) for row in table.rows)
    assert tables[3].rows[0][-1] == "behind (1)"
    assert tables[3].rows[-1][0] == "all"


def test_what_was_not_scored_is_in_no_part() -> None:
    found = diagnose({2: [row(2, "A lamp.")]})
    assert (found.relations, found.confusion) == ((), {})
    assert set(found.to_dict()) == {"left_right", "task2"}
    assert [table.title[:6] for table in found.tables()] == ["task 2"]
    assert diagnose({}).tables() == []
