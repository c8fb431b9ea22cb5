"""Read gold rows from gold.jsonl, or straight from the two VSD files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vsdkit.data.records import TASKS, GoldRow
from vsdkit.data.row_files import read_gold_rows
from vsdkit.data.vsd_items import Item, gold_rows, split_items
from vsdkit.data.vsd_json import read_vsd_pair
from vsdkit.errors import ConfigError, DataError
from vsdkit.formats.content import names_key, read_content

__all__ = ["GoldFile", "read_gold"]


@dataclass(frozen=True)
class GoldFile:
    """The gold rows of one file, or of the two VSD files."""

    rows: tuple[GoldRow, ...]
    """The rows, in the file's order."""
    description: str
    """One line for the user: what the files were taken for."""


def read_gold(paths: Sequence[Path]) -> GoldFile:
    """Return the gold rows of gold.jsonl, or those that ``build-instructions`` makes of VSD.

    Args:
        paths: gold.jsonl, or VSDv1 and VSDv2 in this order.

    Raises:
        MissingInputError: If a file is not there.
        DataError: If a row or image is wrong, or the VSD files do not belong together.
        AlignmentError: If a key is there twice.
        ConfigError: If one of the two VSD files is missing, or both are one.
    """
    if len(paths) == 1 and not _looks_like_vsd(paths[0]):
        return _read_gold_file(paths[0])
    if len(paths) != 2:
        raise ConfigError(
            "a JSON list was taken for one of VSD's two files, and the other is not named"
            if len(paths) == 1
            else f"{len(paths)} files of gold",
            where=", ".join(map(str, paths)),
            hint="give gold.jsonl, or VSDv1 and VSDv2: --gold vsdv1.json --gold vsdv2.json",
        )
    if os.path.realpath(paths[0]) == os.path.realpath(paths[1]):
        raise ConfigError(
            "the same file twice, but VSDv1 and VSDv2 are two",
            where=str(paths[0]),
            hint="name them in this order: --gold vsdv1.json --gold vsdv2.json",
        )
    return _read_vsd_files(paths[0], paths[1])


def _looks_like_vsd(path: Path) -> bool:
    content = read_content(path)
    return content.lstrip().startswith(b"[") and names_key(content, "img_id")


def _read_gold_file(path: Path) -> GoldFile:
    rows = tuple(read_gold_rows(path))
    if not rows:
        raise DataError("no rows", where=str(path))
    return GoldFile(rows, f"{path.name}: vsdkit's own form, {_counts(rows)}")


def _read_vsd_files(v1: Path, v2: Path) -> GoldFile:
    pair = read_vsd_pair(v1, v2)
    made = [
        row
        for image in pair.images
        for part in split_items(image, keep_all=False)
        if isinstance(part, Item)
        for row in gold_rows(part)
    ]
    rows = tuple(row for row in made if isinstance(row, GoldRow))
    known = "; ".join(told for told in (pair.v1.told, pair.v2.told) if told)
    told = f"VSDv1 and VSDv2, the first pair of each picture, {_counts(rows)}"
    if len(rows) < len(made):
        told += f"; {len(made) - len(rows):,} rows without captions left out"
    return GoldFile(rows, f"{v1.name} and {v2.name}: {told}" + (f"; {known}" if known else ""))


def _counts(rows: Sequence[GoldRow]) -> str:
    counts = Counter(row.task for row in rows)
    by_task = ", ".join(f"{counts[task]:,} of task {task}" for task in TASKS if counts[task])
    return f"{len(rows):,} rows ({by_task})"
