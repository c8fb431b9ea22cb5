"""Join predictions to gold rows by key, or raise an error that names the first misfit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from vsdkit.data.records import TASKS, GoldRow, PredictionRow, RowKey
from vsdkit.data.relations import find_relation
from vsdkit.errors import AlignmentError, DataError

__all__ = ["Aligned", "AlignedRow", "RowCounts", "align", "check_gold", "sentences_of"]


@dataclass(frozen=True)
class AlignedRow:
    """A gold row and what was predicted for it."""

    gold: GoldRow
    prediction: PredictionRow | None
    """None where the prediction is missing."""

    @property
    def answer(self) -> str | tuple[str, ...] | None:
        """The prediction; None if it is missing or unparsed, or a sentence of it says nothing.

        Two silent sentences beside a good one would pass for diversity.
        """
        said = self.prediction.prediction if self.prediction else None
        sentences = said if isinstance(said, tuple) else (said or "",)
        return said if all(map(_has_words, sentences)) else None

    @property
    def answers(self) -> tuple[str, ...]:
        """The sentences of the answer: one of task 2, three of task 3; none without an answer."""
        answer = self.answer
        if answer is None:
            return ()
        return answer if isinstance(answer, tuple) else (answer,)

    @property
    def has_failed(self) -> bool:
        """Whether asking failed, so that there is an error in the place of a prediction."""
        return self.prediction is not None and self.prediction.error is not None

    @property
    def is_unparsed(self) -> bool:
        """Whether there is a prediction that is no answer to the task."""
        if self.prediction is None or self.has_failed:
            return False
        return (self.label if self.gold.task == 1 else self.answer) is None

    @property
    def label(self) -> str | None:
        """The long form of the label that was answered; None for anything else."""
        return find_relation(self.answer) if isinstance(self.answer, str) else None

    def words(self, tokens: Mapping[str, list[str]]) -> tuple[list[list[str]], list[list[str]]]:
        """Return the words of each sentence of the answer, and of each reference.

        A row without an answer has as many sentences without a word.

        Args:
            tokens: PTB tokens of each of ``sentences_of`` this row.
        """
        silence: list[list[str]] = [[]] if self.gold.task == 2 else [[], [], []]
        sentences = [tokens[text] for text in self.answers]
        return sentences or silence, [tokens[text] for text in self.gold.references]


class RowCounts(NamedTuple):
    """Rows of a task, counted."""

    unparsed: int
    """Those with a prediction that is no answer to the task."""
    missing: int
    """Those without a prediction."""
    errors: int
    """Those whose prediction is an error: they were asked, and that failed."""
    n: int
    """All that are scored; 0 of a task that is absent."""


@dataclass(frozen=True)
class Aligned:
    """The rows of each task that can be scored, and why the other tasks cannot."""

    rows: Mapping[int, list[AlignedRow]]
    """By task, in the order of gold; a task that is absent is no key."""
    absent: Mapping[int, str] = field(default_factory=dict)
    """Why a task is absent."""
    in_gold: Sequence[int] = TASKS
    """The tasks that gold has rows of."""

    def count(self, task: int) -> RowCounts:
        """Return how many rows of a task are scored, and how many of them count as wrong."""
        rows = self.rows.get(task, [])
        return RowCounts(
            unparsed=sum(row.is_unparsed for row in rows),
            missing=sum(row.prediction is None for row in rows),
            errors=sum(row.has_failed for row in rows),
            n=len(rows),
        )


def sentences_of(rows: Iterable[AlignedRow]) -> list[str]:
    """Return each sentence once that the rows of tasks 2 and 3 are scored by."""
    found: dict[str, None] = {}
    for row in rows:
        found.update(dict.fromkeys(row.gold.references))
        found.update(dict.fromkeys(row.answers))
    return list(found)


def check_gold(rows: Iterable[GoldRow], *, where: str = "") -> dict[RowKey, GoldRow]:
    """Return the gold rows by key, in their order.

    Raises:
        DataError: If a row has nothing to be scored against, or rows of one id tell of different
            pairs.
    """
    by_key = {row.key: row for row in rows}
    # Tasks are joined by id where they are told of together (sides, baselines, submissions).
    pairs: dict[str, tuple[str, str, str]] = {}
    for row in by_key.values():
        pair = (row.image, row.subject, row.object)
        if pairs.setdefault(row.id, pair) != pair:
            raise DataError(
                f"id {row.id!r} is of two pairs: {pairs[row.id]} and {pair}",
                where=f"{where}, fields 'image', 'subject', 'object'",
                hint="an id names one picture with one subject and one object",
            )
        name = "relations" if row.task == 1 else "references"
        known = row.relations if row.task == 1 else row.references
        if not known or not all(text.strip() for text in known):
            raise DataError(
                f"{row.key} has no {name}" if not known else f"{row.key} has an empty reference",
                where=f"{where}, field {name!r}",
                hint="score only against gold rows whose answers are known",
            )
    return by_key


def align(
    gold: Mapping[RowKey, GoldRow],
    predictions: Mapping[RowKey, PredictionRow],
    *,
    allow_missing: bool = False,
    gold_path: Path = Path("gold.jsonl"),
    preds_path: Path = Path("preds.jsonl"),
) -> Aligned:
    """Return each gold row with its prediction.

    A task without a single prediction is absent, not wrong: its numbers are n/a. With
    ``allow_missing`` every missing row counts as wrong, those of an absent task too.

    Raises:
        AlignmentError: If a prediction answers no gold row, a row of a task that is there is
            missing, or there is nothing to score.
    """
    extra = [key for key in predictions if key not in gold]
    if extra:
        raise AlignmentError(
            f"{_count(extra)} in no gold row; the first: {extra[0]}",
            where=str(preds_path),
            hint=f"were these predictions made for {gold_path}?",
        )
    if not predictions:
        raise AlignmentError("there is no prediction", where=str(preds_path))
    rows: dict[int, list[AlignedRow]] = {}
    absent: dict[int, str] = {}
    for task in TASKS:
        of_task = [row for row in gold.values() if row.task == task]
        # A file of tasks 2 and 3 is a whole system of theirs: it was never asked for task 1.
        answered = any(key.task == task for key in predictions)
        if not of_task:
            absent[task] = f"no gold rows of task {task}"
        elif not answered and not allow_missing:
            absent[task] = f"no predictions of task {task}"
        else:
            rows[task] = [AlignedRow(row, predictions.get(row.key)) for row in of_task]
    if not allow_missing:
        _refuse_missing(rows, preds_path)
    in_gold = {row.task for row in gold.values()}
    return Aligned(rows, absent, tuple(task for task in TASKS if task in in_gold))


def _has_words(text: str) -> bool:
    return any(letter.isalnum() for letter in text)


def _refuse_missing(rows: Mapping[int, Iterable[AlignedRow]], path: Path) -> None:
    missing = [
        row.gold.key for of_task in rows.values() for row in of_task if row.prediction is None
    ]
    if missing:
        raise AlignmentError(
            f"{_count(missing)} not predicted; the first: {missing[0]}",
            where=str(path),
            hint="finish the run that makes them, or count them as wrong: --allow-missing",
        )


def _count(keys: list[RowKey]) -> str:
    return f"{len(keys):,} row is" if len(keys) == 1 else f"{len(keys):,} rows are"
