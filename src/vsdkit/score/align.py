"""Predictions beside the gold rows they answer, or an error that names the first misfit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vsdkit.data.records import TASKS, GoldRow, PredictionRow, RowKey
from vsdkit.data.relations import find_relation
from vsdkit.errors import AlignmentError, DataError

__all__ = ["Aligned", "Pair", "align", "check_gold"]


@dataclass(frozen=True)
class Pair:
    """A gold row and what was answered to it; no ``row`` where the prediction is missing."""

    gold: GoldRow
    row: PredictionRow | None

    @property
    def answer(self) -> str | tuple[str, ...] | None:
        """The prediction; None if it is missing or unparsed, or a sentence of it says nothing.

        Two silent sentences beside a good one would pass for diversity.
        """
        prediction = self.row.prediction if self.row else None
        sentences = prediction if isinstance(prediction, tuple) else (prediction or "",)
        return prediction if all(map(_has_words, sentences)) else None

    @property
    def is_unparsed(self) -> bool:
        """Whether there is a prediction that is no answer to the task."""
        if self.row is None:
            return False
        return (self.label if self.gold.task == 1 else self.answer) is None

    @property
    def label(self) -> str | None:
        """The long form of the label that was answered; None for anything else."""
        return find_relation(self.answer) if isinstance(self.answer, str) else None


@dataclass(frozen=True)
class Aligned:
    """The pairs of each task that can be scored, and why the others cannot."""

    pairs: Mapping[int, list[Pair]]
    absent: Mapping[int, str] = field(default_factory=dict)


def check_gold(rows: Iterable[GoldRow], *, where: str = "") -> dict[RowKey, GoldRow]:
    """Return the gold rows by key, in their order.

    Raises:
        DataError: If a row has nothing to be scored against, or rows of one id tell of different
            pairs.
    """
    by_key = {row.key: row for row in rows}
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
    pairs: dict[int, list[Pair]] = {}
    absent: dict[int, str] = {}
    for task in TASKS:
        rows = [row for row in gold.values() if row.task == task]
        answered = any(key.task == task for key in predictions)
        if not rows:
            absent[task] = f"no gold rows of task {task}"
        elif not answered and not allow_missing:
            absent[task] = f"no predictions of task {task}"
        else:
            pairs[task] = [Pair(row, predictions.get(row.key)) for row in rows]
    if not allow_missing:
        _refuse_missing(pairs, preds_path)
    return Aligned(pairs, absent)


def _has_words(text: str) -> bool:
    return any(letter.isalnum() for letter in text)


def _refuse_missing(pairs: Mapping[int, Iterable[Pair]], path: Path) -> None:
    missing = [pair.gold.key for rows in pairs.values() for pair in rows if pair.row is None]
    if missing:
        raise AlignmentError(
            f"{_count(missing)} not predicted; the first: {missing[0]}",
            where=str(path),
            hint="finish the run that makes them, or count them as wrong: --allow-missing",
        )


def _count(keys: list[RowKey]) -> str:
    return f"{len(keys):,} row is" if len(keys) == 1 else f"{len(keys):,} rows are"
