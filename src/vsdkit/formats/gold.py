"""Gold rows from gold.jsonl, or straight from the two VSD files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vsdkit.data.jsonl import read_rows
from vsdkit.data.pairs import Pair, gold_rows, split_pairs
from vsdkit.data.records import TASKS, GoldRow
from vsdkit.data.vsd_json import join_items, read_vsd
from vsdkit.errors import ConfigError, DataError
from vsdkit.formats.content import Placed, keep_one_each, names_key, read_content

__all__ = ["GOLD_KINDS", "GoldFile", "read_gold"]

GOLD_KINDS = ("gold", "vsd")
"""gold.jsonl; VSDv1 and VSDv2 as they are published."""


@dataclass(frozen=True)
class GoldFile:
    """The gold rows; ``description`` is one line: what the files were taken for."""

    kind: str
    rows: tuple[GoldRow, ...]
    description: str


def read_gold(paths: Sequence[Path], *, kind: str | None = None) -> GoldFile:
    """Return the gold rows of gold.jsonl, or those that ``build-instructions`` makes of VSD.

    Args:
        paths: gold.jsonl, or VSDv1 and VSDv2 in this order.
        kind: One of ``GOLD_KINDS``; None decides from the content.

    Raises:
        MissingInputError: If a file is not there.
        DataError: If a row or picture is wrong, or the VSD files do not belong together.
        ConfigError: If the kind is unknown or the number of files does not fit it.
    """
    if kind is not None and kind not in GOLD_KINDS:
        raise ConfigError(f"unknown kind of gold {kind!r}; known: {', '.join(GOLD_KINDS)}")
    if kind is None:
        kind = "vsd" if len(paths) == 2 or (paths and _looks_like_vsd(paths[0])) else "gold"
    needed = {"gold": 1, "vsd": 2}[kind]
    if len(paths) != needed:
        raise ConfigError(
            "gold.jsonl is one file, and two are named"
            if needed == 1
            else "a JSON list was taken for one of VSD's two files, and the other is not named",
            where=", ".join(map(str, paths)),
            hint="give gold.jsonl, or VSDv1 and VSDv2: --gold vsdv1.json --gold vsdv2.json",
        )
    if needed == 2 and os.path.realpath(paths[0]) == os.path.realpath(paths[1]):
        raise ConfigError(
            "the same file twice, but VSDv1 and VSDv2 are two",
            where=str(paths[0]),
            hint="name them in this order: --gold vsdv1.json --gold vsdv2.json",
        )
    return _read_gold_rows(paths[0]) if kind == "gold" else _read_vsd_files(paths[0], paths[1])


def _looks_like_vsd(path: Path) -> bool:
    content = read_content(path)
    return content.lstrip().startswith(b"[") and names_key(content, "img_id")


def _read_gold_rows(path: Path) -> GoldFile:
    placed: list[Placed] = []
    for line, row in read_rows(path):
        named = f", id {row['id']!r}" if "id" in row else ""
        try:
            gold = GoldRow.from_dict(row)
        except DataError as error:
            raise DataError(error.message, where=f"{path}:{line}{named}") from error
        placed.append(Placed(gold.key, gold, f"{path}:{line}"))
    if not placed:
        raise DataError("no rows", where=str(path))
    rows = tuple(one.row for one in keep_one_each(placed))
    return GoldFile("gold", rows, f"{path.name}: vsdkit's own form, {_counts(rows)}")


def _read_vsd_files(v1: Path, v2: Path) -> GoldFile:
    items = join_items(read_vsd(v1), read_vsd(v2), v1_path=v1, v2_path=v2)
    rows = tuple(
        row
        for item in items
        for part in split_pairs(item, keep_all=False)
        if isinstance(part, Pair)
        for row in gold_rows(part)
    )
    told = f"VSDv1 and VSDv2, the first pair of each picture, {_counts(rows)}"
    return GoldFile("vsd", rows, f"{v1.name} and {v2.name}: {told}")


def _counts(rows: Sequence[GoldRow]) -> str:
    counts = Counter(row.task for row in rows)
    by_task = ", ".join(f"{counts[task]:,} of task {task}" for task in TASKS if counts[task])
    return f"{len(rows):,} rows ({by_task})"
