"""gold.jsonl and preds.jsonl are read in one way, and a repeated key is one error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.data.row_files import read_gold_rows, read_prediction_rows
from vsdkit.errors import AlignmentError, DataError

GOLD = GoldRow("7", "7.jpg", 2, "cup", "desk", references=("a cup",))
PREDICTION = PredictionRow("7", 2, "a cup", "a cup")


@pytest.mark.parametrize(
    ("read", "row"), [(read_gold_rows, GOLD), (read_prediction_rows, PREDICTION)]
)
def test_rows_are_read_and_a_repeated_key_is_named_by_both_lines(
    tmp_path: Path, read: Callable[[Path], list[Any]], row: GoldRow | PredictionRow
) -> None:
    path = tmp_path / "rows.jsonl"
    other = row.to_dict() | {"id": "8"}
    write_rows(path, [row.to_dict(), other])
    assert read(path) == [row, type(row).from_dict(other)]
    write_rows(path, [row.to_dict(), other, row.to_dict()])
    with pytest.raises(AlignmentError, match="id '7', task 2 is there twice") as caught:
        read(path)
    assert caught.value.where == f"{path}:1 and {path}:3"
    write_rows(path, [other, row.to_dict() | {"task": 4}])
    with pytest.raises(DataError, match="field 'task' must be 1, 2 or 3") as wrong:
        read(path)
    assert wrong.value.where == f"{path}:2, id '7'"
