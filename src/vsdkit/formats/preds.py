"""Predictions in vsdkit's own form, ``preds.jsonl``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vsdkit.data.records import GoldRow
from vsdkit.data.row_files import place_predictions
from vsdkit.errors import ConfigError
from vsdkit.formats.format import NO_GOLD, Format, FoundRows, has_fields

__all__ = ["FORMAT"]


def _read(paths: Sequence[Path], gold: Sequence[GoldRow], task: int | None) -> FoundRows:
    if task is not None:
        raise ConfigError(
            f"task {task} is told, but these rows tell their own",
            where=f"{paths[0]}, --task",
            hint="leave out --task",
        )
    found = list(place_predictions(paths[0]))
    # A picture without captions has no gold row to be scored against, but may well be answered.
    # Ids that gold does not know are the caller's to refuse.
    keys, ids = {row.key for row in gold}, {row.id for row in gold}
    rows = [one for one in found if one.record.key in keys or one.record.id not in ids]
    told = f"vsdkit's own form, {len(rows):,} rows"
    if len(rows) < len(found):
        told += f"; {len(found) - len(rows):,} {NO_GOLD}"
    return FoundRows(rows, told)


# Not "prediction": a row without it is a preds row with an error.
FORMAT = Format("preds", has_fields("id", "task"), _read)
