"""Predictions as plain text, a line for each gold row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vsdkit.data.records import GoldRow
from vsdkit.formats.content import read_content, split_lines
from vsdkit.formats.format import Format, FoundRows, answers_to
from vsdkit.formats.order import match_order

__all__ = ["FORMAT"]


def _read(paths: Sequence[Path], gold: Sequence[GoldRow], task: int | None) -> FoundRows:
    path = paths[0]
    texts = split_lines(read_content(path), path)
    order = match_order(gold, texts, task=task, path=path)
    places = (f"{path}:{number}" for number in range(1, len(texts) + 1))
    rows = answers_to(order.gold, texts, places)
    return FoundRows(rows, f"plain text, {len(rows):,} lines in gold's order ({order.reason})")


FORMAT = Format("lines", lambda row, _: row is None, _read)
