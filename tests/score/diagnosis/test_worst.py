"""The rows that cost most."""

from __future__ import annotations

from typing import Any

from vsdkit.score.diagnosis.worst import worst_rows, worst_table


def item(task: int, name: str, **facts: Any) -> dict[str, Any]:
    known = {"subject": "lamp", "object": "crate", "relations": ["on"], "prediction": "on"}
    return {"id": name, "task": task, **known, **facts}


ITEMS = [
    item(1, "right", correct=True),
    item(1, "wrong", correct=False, prediction="in"),
    item(1, "silent", correct=False, prediction=None),
    item(2, "good", bleu4=90.0, spice=100.0, prediction="A lamp.", stated=("on",)),
    item(2, "bad", bleu4=10.0, spice=0.0, prediction="A mat.", stated=(), references=["One."]),
    item(2, "worst", bleu4=0.0, spice=0.0, prediction="Two.", stated=()),
    item(3, "alike", mbleu4=100.0, spice=50.0, prediction=["a", "b", "c"]),
    item(3, "far", mbleu4=0.0, spice=50.0, prediction=["a", "b", "c"], stated=[["on"], [], []]),
]


def test_the_worst_of_each_task_come_first() -> None:
    found = worst_rows(ITEMS, 2)
    assert [row["id"] for row in found] == ["wrong", "silent", "worst", "bad", "alike", "far"]
    # z2 = 0.4 x 10, z3 = 0.5 x (50 - 100) + 0.5 x 50 and 0.5 x 50 + 0.5 x 50
    assert [row["value"] for row in found] == [0, 0, 0, 4, 0, 50]
    assert [row["id"] for row in worst_rows(ITEMS, 1)] == ["wrong", "worst", "alike"]
    assert worst_rows(ITEMS, 0) == []


def test_without_spice_or_java_rows_are_told_apart_by_what_there_is() -> None:
    rows = [
        item(2, "b", bleu4=20.0, spice=None),
        item(2, "a", bleu4=10.0),
        item(3, "no Java"),
        item(3, "c", mbleu4=None, spice=None),
    ]
    assert [row["id"] for row in worst_rows(rows, 9)] == ["a", "b"]


def test_the_table_shows_answer_and_reference() -> None:
    table = worst_table(ITEMS, 2)
    assert all(len(row) == len(table.columns) for row in table.rows)
    cells = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [cell["answer"] for cell in cells[:2]] == ["in", "(none)"]
    assert cells[3]["a reference"] == "One."
    assert (cells[5]["answer"], cells[5]["states"]) == ("a | b | c", "on | - | -")
