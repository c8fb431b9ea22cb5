"""Predictions in vsdkit's own form, ``preds.jsonl``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vsdkit.data.records import GoldRow
from vsdkit.data.row_files import place_predictions
from vsdkit.errors import ConfigError
from vsdkit.formats.format import Format, Reading, has_fields

__all__ = ["FORMAT"]


def _read(paths: Sequence[Path], gold: Sequence[GoldRow], task: int | None) -> Reading:
    del gold  # Rows name theirs; who has none and who is left out is compared by the caller.
    if task is not None:
        raise ConfigError(
            f"task {task} is told, but these rows tell their own",
            where=f"{paths[0]}, --task",
            hint="leave out --task",
        )
    rows = list(place_predictions(paths[0]))
    return Reading(rows, f"vsdkit's own form, {len(rows):,} rows")


# Not "prediction": a row without it is a preds row with an error.
FORMAT = Format("preds", has_fields("id", "task"), _read)
