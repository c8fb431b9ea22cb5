"""What ``diversify`` reads: predictions, and the items whose objects a rewrite must name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from vsdkit.data.row_files import read_prediction_rows
from vsdkit.diversify.guards import Ask, stated_relations
from vsdkit.errors import AlignmentError, DataError, MissingInputError

if TYPE_CHECKING:
    from vsdkit.data.records import GoldRow, PredictionRow

__all__ = ["make_asks", "read_predictions"]


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


def make_asks(predictions: Iterable[PredictionRow], items: Iterable[GoldRow]) -> list[Ask]:
    """Return sentence 2 of each task 3 row that has three, with what a rewrite of it must keep.

    Raises:
        AlignmentError: If a prediction's item is not among the items.
    """
    pairs = {item.id: item for item in items}
    asks = []
    for row in predictions:
        if row.task != 3 or not isinstance(row.prediction, tuple):
            continue
        item = pairs.get(row.id)
        if item is None:
            raise AlignmentError(
                f"{row.key} is not among the items",
                where="predictions and gold",
                hint="name the items that were predicted: --gold FILE",
            )
        first, second, third = row.prediction
        # Sentence 2 before its neighbours: its own relation is the one to keep.
        stated = stated_relations((second, first, third), item.subject, item.object)
        asks.append(Ask(row.id, second, item.subject, item.object, stated, (first, third)))
    return asks
