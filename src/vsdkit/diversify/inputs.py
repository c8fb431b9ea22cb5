"""What ``diversify`` reads: predictions, and the items whose objects a rewrite must name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vsdkit.data.row_files import read_prediction_rows
from vsdkit.diversify.guards import Ask, stated_relations
from vsdkit.errors import AlignmentError, DataError, MissingInputError

if TYPE_CHECKING:
    from vsdkit.data.records import GoldRow, PredictionRow

__all__ = ["make_asks", "read_predictions", "read_references"]


def read_predictions(path: Path) -> list[PredictionRow]:
    """Return the rows of a preds.jsonl, those of every task.

    Raises:
        MissingInputError: If the file is not there.
        DataError: If a row is wrong, or none is of task 3.
        AlignmentError: If two rows have the same key.
    """
    if not path.exists():
        raise MissingInputError(
            "no such file of predictions",
            where=str(path),
            hint="make it: vsdkit infer; or name another one: vsdkit diversify FILE",
        )
    predictions = read_prediction_rows(path)
    if not any(row.task == 3 for row in predictions):
        raise DataError(
            "no row of task 3: nothing to rewrite",
            where=str(path),
            hint="let the model answer it: vsdkit infer --tasks 3",
        )
    return predictions


def make_asks(
    predictions: Iterable[PredictionRow], items: Iterable[GoldRow], *, replace: int
) -> list[Ask]:
    """Return one sentence of each task 3 row that has three, with what a rewrite of it must keep.

    Args:
        predictions: Rows of any task.
        items: Of each row its item.
        replace: Which of the three, counted from 1.

    Raises:
        AlignmentError: If a prediction's item is not among the items.
    """
    pairs = {item.id: item for item in items}
    asks = []
    for row in _with_three(predictions):
        item = pairs.get(row.id)
        if item is None:
            raise AlignmentError(
                f"{row.key} is not among the items",
                where="predictions and gold",
                hint="name the items that were predicted: --gold FILE",
            )
        sentences = list(row.prediction or ())
        sentence = sentences.pop(replace - 1)
        # Before its neighbours: its own relation is the one to keep.
        stated = stated_relations((sentence, *sentences), item.subject, item.object)
        asks.append(Ask(row.id, sentence, item.subject, item.object, stated, tuple(sentences)))
    return asks


def read_references(
    predictions: Iterable[PredictionRow], items: Iterable[GoldRow], path: Path
) -> dict[str, tuple[str, ...]]:
    """Return the references of each task 3 row that has three sentences, by its id.

    Args:
        predictions: Rows whose items are known.
        items: Rows of task 3.
        path: Where the items are from, for the message.

    Raises:
        DataError: If one has none.
    """
    references = {item.id: item.references for item in items}
    found = {row.id: references[row.id] for row in _with_three(predictions)}
    for row_id, texts in found.items():
        if not any(text.strip() for text in texts):
            raise DataError(
                f"id {row_id!r}, task 3 has no references: SPICE cannot be measured",
                where=f"{path}, field 'references'",
                hint="leave out --check-spice, or name gold rows whose answers are known: "
                "--gold FILE",
            )
    return found


def _with_three(predictions: Iterable[PredictionRow]) -> Iterator[PredictionRow]:
    """Yield the rows of task 3 that have three sentences."""
    return (row for row in predictions if row.task == 3 and isinstance(row.prediction, tuple))
