"""gold.jsonl and preds.jsonl: one reader each, and one refusal of a key that is there twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from vsdkit.data.jsonl import Placed, place_records
from vsdkit.data.records import GoldRow, PredictionRow, RowKey
from vsdkit.errors import AlignmentError

__all__ = ["Keys", "keep_one_each", "place_predictions", "read_gold_rows", "read_prediction_rows"]

KeyedRow = TypeVar("KeyedRow", GoldRow, PredictionRow)


class Keys:
    """The keys of the rows so far, each with its place.

    Args:
        hint: What to do about a key that is there twice.
    """

    def __init__(self, *, hint: str = "keep one row for each (id, task)") -> None:
        self._hint = hint
        self._places: dict[RowKey, str] = {}

    def __contains__(self, key: tuple[str, int]) -> bool:
        """Say whether a row has the key."""
        return key in self._places

    def add(self, key: RowKey, where: str) -> None:
        """Note a row's key.

        Raises:
            AlignmentError: If a row before it has the same key; both places are named.
        """
        if key in self._places:
            raise AlignmentError(
                f"{key} is there twice", where=f"{self._places[key]} and {where}", hint=self._hint
            )
        self._places[key] = where


def keep_one_each(rows: Iterable[Placed[KeyedRow]]) -> list[KeyedRow]:
    """Return the rows without their places.

    Raises:
        AlignmentError: If two rows have the same key; both places are named.
    """
    keys = Keys()
    kept: list[KeyedRow] = []
    for row, where in rows:
        keys.add(row.key, where)
        kept.append(row)
    return kept


def read_gold_rows(path: Path) -> list[GoldRow]:
    """Return the rows of gold.jsonl.

    Raises:
        MissingInputError: If the file is not there.
        DataError: If a row is wrong; file, line and, if the row has one, id are named.
        AlignmentError: If two rows have the same key.
    """
    return keep_one_each(place_records(path, GoldRow.from_dict))


def read_prediction_rows(path: Path) -> list[PredictionRow]:
    """Return the rows of preds.jsonl.

    Raises:
        MissingInputError: If the file is not there.
        DataError: If a row is wrong; file, line and, if the row has one, id are named.
        AlignmentError: If two rows have the same key.
    """
    return keep_one_each(place_predictions(path))


def place_predictions(path: Path) -> Iterator[Placed[PredictionRow]]:
    """Yield the rows of preds.jsonl with their places, for whoever looks at the keys himself.

    Raises:
        MissingInputError: If the file is not there.
        DataError: If a row is wrong; file, line and, if the row has one, id are named.
    """
    return place_records(path, PredictionRow.from_dict)
