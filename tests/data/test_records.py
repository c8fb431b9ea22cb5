"""Records: what each row must hold, and that it comes back as it went."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsdkit.data.records import (
    Box,
    GoldRow,
    InstructionRow,
    PredictionRow,
    RowKey,
    parse_box,
)
from vsdkit.data.relations import RELATIONS
from vsdkit.errors import DataError

GOLD: dict[str, Any] = {
    "id": "7",
    "image": "7.jpg",
    "task": 2,
    "subject": "cup",
    "object": "desk",
    "subject_box": [10, 20, 30, 40],
    "object_box": [1, 50.5, 2, 90],
    "relations": ["on"],
    "references": ["a cup is on the desk."],
}
PREDICTION: dict[str, Any] = {"id": "7", "task": 1, "prediction": "on", "raw": " on."}
INSTRUCTION: dict[str, Any] = {
    "id": "7-task1",
    "image": "7.jpg",
    "task": 1,
    "conversations": [
        {"from": "human", "value": "<image>\nWhere is the cup?"},
        {"from": "gpt", "value": "on"},
    ],
}


def test_a_key_reads_as_messages_write_it() -> None:
    assert str(RowKey("7", 3)) == "id '7', task 3"
    assert GoldRow.from_dict(GOLD).key == PredictionRow.from_dict(PREDICTION | {"task": 2}).key


def test_a_box_is_y_before_x() -> None:
    assert parse_box([1, 2, 30, 40]) == Box(y_min=1, y_max=2, x_min=30, x_max=40)


@pytest.mark.parametrize(
    "value",
    [[1, 2, 3], [1, 2, 3, 4, 5], "1234", None, {"y": 1}, [1, 2, "3", 4], [True, 2, 3, 4], 4],
)
def test_a_box_is_four_numbers(value: object) -> None:
    with pytest.raises(DataError, match="a box is four numbers"):
        parse_box(value)


def test_a_boxs_edges_are_finite() -> None:
    with pytest.raises(DataError, match="four finite numbers"):
        parse_box([0, math.inf, 3, 4])


@pytest.mark.parametrize(
    "value", [[2, 1, 3, 4], [1, 2, 4, 3], [1, 1, 3, 4], [1, 2, 3, 3], [float("nan"), 2, 3, 4]]
)
def test_a_boxs_minimum_is_below_its_maximum(value: object) -> None:
    with pytest.raises(DataError, match="with ymin < ymax and xmin < xmax"):
        parse_box(value)


@pytest.mark.parametrize(
    ("record", "row"),
    [(GoldRow, GOLD), (PredictionRow, PREDICTION), (InstructionRow, INSTRUCTION)],
)
def test_rows_come_back_as_they_went(record: Any, row: dict[str, Any]) -> None:
    assert record.from_dict(row).to_dict() == row


def test_an_item_of_ones_own_has_neither_boxes_nor_answers() -> None:
    row = {key: GOLD[key] for key in ("id", "image", "task", "subject", "object")}
    gold = GoldRow.from_dict(row)
    assert (gold.subject_box, gold.relations, gold.references) == (None, (), ())
    assert GoldRow.from_dict(gold.to_dict()) == gold


def test_short_labels_become_long_ones() -> None:
    assert GoldRow.from_dict(GOLD | {"relations": ["left", "On"]}).relations == (
        "to the left of",
        "on",
    )


@given(
    task=st.sampled_from([1, 2, 3]),
    tags=st.tuples(st.text(min_size=1), st.text(min_size=1)),
    relations=st.lists(st.sampled_from(RELATIONS)),
    references=st.lists(st.text()),
)
def test_gold_rows_survive_the_round_trip(
    task: int, tags: tuple[str, str], relations: list[str], references: list[str]
) -> None:
    gold = GoldRow(
        "i", "i.jpg", task, *tags, relations=tuple(relations), references=tuple(references)
    )
    assert GoldRow.from_dict(gold.to_dict()) == gold


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": None}, "field 'id' must be text that is not empty, got None"),
        ({"id": 7}, "field 'id' must be text that is not empty, got 7"),
        ({"subject": ""}, "field 'subject' must be text that is not empty, got ''"),
        ({"task": 4}, "field 'task' must be 1, 2 or 3, got 4"),
        ({"task": True}, "field 'task' must be 1, 2 or 3, got True"),
        ({"task": "1"}, "field 'task' must be 1, 2 or 3, got '1'"),
        ({"relations": ["beside"]}, "unknown relation 'beside'"),
        ({"relations": "on"}, "field 'relations' must be a list of texts, got 'on'"),
        ({"references": [1]}, "field 'references' must be a list of texts, got [1]"),
        ({"subject_box": [1, 2, 3]}, "a box is four numbers"),
        ({"object_box": [2, 1, 3, 4]}, "a box is [ymin"),
    ],
)
def test_a_wrong_gold_row_names_its_field(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(message)}") as caught:
        GoldRow.from_dict(GOLD | change)
    assert f"field {next(iter(change))!r}" in str(caught.value)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(DataError, match="field 'image' must be text that is not empty, got noth"):
        GoldRow.from_dict({key: GOLD[key] for key in GOLD if key != "image"})


@pytest.mark.parametrize(
    ("row", "prediction"),
    [
        ({"task": 1, "prediction": None}, None),
        ({"task": 2, "prediction": "a cup."}, "a cup."),
        ({"task": 3, "prediction": ["a", "b", "c"]}, ("a", "b", "c")),
    ],
)
def test_predictions_of_each_task(row: dict[str, Any], prediction: object) -> None:
    record = PredictionRow.from_dict({"id": "7"} | row)
    assert (record.prediction, record.raw) == (prediction, None)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"task": 1}, "field 'prediction' is missing"),
        ({"task": 1, "prediction": ["on"]}, "of task 1 must be one text, got ['on']"),
        ({"task": 2, "prediction": 5}, "of task 2 must be one text, got 5"),
        ({"task": 3, "prediction": "a"}, "of task 3 must be three sentences in a list, got 'a'"),
        ({"task": 3, "prediction": ["a", "b"]}, "task 3 has three sentences, got 2"),
        ({"task": 3, "prediction": ["a", "b", 1]}, "must be three sentences in a list"),
        ({"task": 1, "prediction": "on", "raw": 1}, "field 'raw' must be text, got 1"),
    ],
)
def test_a_wrong_prediction_names_its_field(row: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        PredictionRow.from_dict({"id": "7"} | row)


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        (None, "one turn from 'human' and one from 'gpt'"),
        ([], "one turn from 'human' and one from 'gpt'"),
        (["x", "y"], "one turn from 'human' and one from 'gpt'"),
        ([("gpt", "a"), ("human", "<image>\nb")], "one turn from 'human' and one from 'gpt'"),
        ([("human", "where?"), ("gpt", "a")], "must begin with '<image>' and a newline"),
        ([("human", "<image>\nwhere?"), ("gpt", "  ")], "nothing to learn from"),
        ([("human", "<image>\nwhere?"), ("gpt", None)], "field 'value' must be text"),
    ],
)
def test_a_wrong_instruction_row_names_its_field(turns: Any, message: str) -> None:
    if turns and isinstance(turns[0], tuple):
        turns = [{"from": speaker, "value": value} for speaker, value in turns]
    with pytest.raises(DataError, match=message):
        InstructionRow.from_dict(INSTRUCTION | {"conversations": turns})


def test_a_box_tells_its_size_its_middle_and_its_corners_x_first() -> None:
    box = Box(y_min=10, y_max=30, x_min=5, x_max=8)
    assert (box.width, box.height) == (3, 20)
    assert box.centre == (6.5, 20)
    assert box.corners == (5, 10, 8, 30)
