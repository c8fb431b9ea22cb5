"""What a format of predictions is: its name, how a file of it looks, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from vsdkit.answers import parse_answer
from vsdkit.data.jsonl import Placed
from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.errors import DataError

__all__ = [
    "NO_GOLD",
    "Format",
    "FoundRows",
    "Row",
    "answer_to",
    "answers_to",
    "has_fields",
    "text_of",
]

Row: TypeAlias = Mapping[str, Any]
"""The JSON object in a line of a file."""


NO_GOLD = "answers to tasks that gold does not have for their pictures, passed over"
"""What is said behind their number in ``FoundRows.told``."""


class FoundRows(NamedTuple):
    """What was read from the files of one system."""

    rows: list[Placed[PredictionRow]]
    """The predictions with their places; that no key is there twice is for the caller to check."""
    told: str
    """What the files were taken for and how they were matched with gold, in one line."""


@dataclass(frozen=True, slots=True)
class Format:
    """One form of files of predictions.

    A format is one module of this package with a ``FORMAT``, its entry in ``kinds.FORMATS``, and
    its name among the choices of ``--kind`` (``settings/score.py``).
    """

    name: str
    """What ``--kind`` calls it."""
    recognise: Callable[[Row | None, bytes], bool]
    """Says whether a line looks like this format's, from its JSON object (None where it is plain
    text) and the first 64 KiB of the file."""
    read: Callable[[Sequence[Path], Sequence[GoldRow], int | None], FoundRows]
    """Returns the predictions in one system's files, given the gold rows and the task if it was
    told; raises ``DataError``, ``AlignmentError`` or ``ConfigError`` with the row's place."""
    most_files: int = 1
    """How many files one system may have."""


def has_fields(*names: str) -> Callable[[Row | None, bytes], bool]:
    """Return a ``recognise`` for JSON Lines whose rows have these fields."""
    wanted = set(names)
    return lambda row, _: row is not None and wanted <= row.keys()


def answer_to(gold: GoldRow, text: str, where: str) -> Placed[PredictionRow]:
    """Return what a model said to a gold row as a prediction, read as ``infer`` reads its own."""
    answer = parse_answer(text, gold.task, tags=(gold.subject, gold.object))
    return Placed(PredictionRow(gold.id, gold.task, answer, text), where)


def answers_to(
    gold: Iterable[GoldRow], texts: Iterable[str], places: Iterable[str]
) -> list[Placed[PredictionRow]]:
    """Return the answers to gold rows in the same order; the three are equally long."""
    return [answer_to(*one) for one in zip(gold, texts, places, strict=True)]


def text_of(row: Row, field: str) -> str:
    """Return a field that must be text.

    Raises:
        DataError: If it is missing or no text.
    """
    text = row.get(field)
    if not isinstance(text, str):
        got = "nothing" if field not in row else repr(text)
        raise DataError(f"field {field!r} must be text, got {got}")
    return text
