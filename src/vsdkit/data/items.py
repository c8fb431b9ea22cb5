"""Read items to ask about: gold.jsonl, or one's own as JSON Lines or CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from vsdkit.data.images import image_name
from vsdkit.data.json_text import parse_json, refuse_packed
from vsdkit.data.jsonl import NumberedRow, read_rows
from vsdkit.data.records import IMAGE_MARK, TASKS, GoldRow
from vsdkit.data.row_files import Keys
from vsdkit.errors import DataError, MissingInputError

__all__ = ["parse_item", "read_items"]

_COLUMNS = ("image", "subject", "object")
_OWN_IDS = "give each pair its own id"
_BOXES = ("subject_box", "object_box")
_TASK_CELLS = {str(task): task for task in TASKS}
_SEPARATORS = ",;\t"
"""Between CSV's cells; spreadsheets write the second where the comma is the decimal mark."""


def read_items(path: Path, *, tasks: Sequence[int] = TASKS) -> list[GoldRow]:
    """Return the questions of a file, in its order, those of one's own once for each task.

    Rows of gold.jsonl are taken as they are. One's own rows need ``image``, ``subject`` and
    ``object``; ``id``, ``task``, ``subject_box`` and ``object_box`` may be left out. A row without
    ``task`` asks every task; a row without ``id`` is named after its image and objects.

    Args:
        path: JSON Lines, or CSV (comma, semicolon or tab) if it ends in ``.csv``; a box in a CSV
            cell is ``[ymin, ymax, xmin, xmax]``.
        tasks: Tasks to keep.

    Raises:
        MissingInputError: If the file is not there.
        DataError: If a row is wrong, two rows ask the same, or no row is left.
    """
    if not path.exists():
        raise MissingInputError(
            "no such file of items",
            where=str(path),
            hint="make gold.jsonl: vsdkit build-instructions vsdv1.json vsdv2.json; "
            "or name items of your own (docs/inference.md)",
        )
    rows = _read_csv(path) if path.suffix.lower() == ".csv" else read_rows(path)
    items = list(_parse(rows, path))
    kept = [item for item in items if item.task in tasks]
    if not kept:
        asked = ", ".join(map(str, tasks))
        message = f"no row of task {asked}: nothing to do" if items else "no rows: nothing to do"
        raise DataError(message, where=str(path))
    return kept


def _parse(rows: Iterable[NumberedRow], path: Path) -> Iterator[GoldRow]:
    names = _Names()
    for line, row in rows:
        where = f"{path}:{line}"
        try:
            parsed = parse_item(row)
            if row.get("id") is None:
                name = names.derive(parsed)
                parsed = [replace(one, id=name) for one in parsed]
        except DataError as error:
            raise error.at(where) from error
        names.take(parsed, where)
        yield from parsed


def parse_item(row: Mapping[str, Any], *, tasks: Sequence[int] = TASKS) -> list[GoldRow]:
    """Return the questions of one item of one's own, or of a row of gold.jsonl.

    Args:
        row: Its fields, as ``read_items`` has them.
        tasks: What an item without ``task`` asks.

    Returns:
        One a task. Without an ``id`` they have ``-`` in its place: a missing field is found first.

    Raises:
        DataError: If a field is missing or of the wrong shape; the message names it.
    """
    filled = dict(row)
    if isinstance(filled.get("image"), str) and filled["image"]:
        filled["image"] = image_name(filled["image"])
    if filled.get("id") is None:
        filled["id"] = "-"
    _check_tags(filled)
    asked = tasks if filled.get("task") is None else (filled["task"],)
    return [GoldRow.from_dict(filled | {"task": task}) for task in asked]


def _check_tags(row: dict[str, Any]) -> None:
    for name in ("subject", "object"):
        if IMAGE_MARK in str(row.get(name, "")):
            raise DataError(
                f"{IMAGE_MARK} stands for the picture, got {row[name]!r}",
                where=f"field {name!r}",
                hint="say it in words",
            )


class _Names:
    """Keeps (id, task) unique, and one id for one item."""

    def __init__(self) -> None:
        self._keys = Keys(hint=_OWN_IDS)
        self._items: dict[str, tuple[str, str, str]] = {}

    def derive(self, rows: Sequence[GoldRow]) -> str:
        """Return a name for rows without one; a second item of the same tags gets ``#2``."""
        # Rows that ask one task each share a name; the same task once more is another item.
        plain = ":".join((rows[0].image, rows[0].subject, rows[0].object))
        name, number = plain, 1
        while any((name, row.task) in self._keys for row in rows):
            number += 1
            name = f"{plain}#{number}"
        return name

    def take(self, rows: Sequence[GoldRow], where: str) -> None:
        """Note the rows of one place.

        Raises:
            DataError: If a key is there twice, or its id stands for another item.
        """
        for row in rows:
            self._keys.add(row.key, where)
            item = (row.image, row.subject, row.object)
            if self._items.setdefault(row.id, item) != item:
                raise DataError(
                    f"id {row.id!r} names two pairs: {self._items[row.id]} and {item}",
                    where=where,
                    hint=_OWN_IDS,
                )


def _read_csv(path: Path) -> Iterator[NumberedRow]:
    line = 1
    try:
        with path.open("rb") as start:
            refuse_packed(start.read(6), path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True, delimiter=_separator(file))
            reader.fieldnames = _columns(reader.fieldnames or (), path)
            for row in reader:
                line = reader.line_num + 1
                yield NumberedRow(reader.line_num, _cells(row, f"{path}:{reader.line_num}"))
    except OSError as error:
        raise MissingInputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8 text", where=str(path), hint="save it as UTF-8") from error
    except csv.Error as error:
        raise DataError(
            f"not CSV: {error}", where=f"{path}:{line}", hint='end each cell that begins with a "'
        ) from error


def _separator(file: IO[str]) -> str:
    header = file.readline()
    file.seek(0)
    return next((mark for mark in _SEPARATORS if mark in header), _SEPARATORS[0])


def _columns(header: Sequence[str], path: Path) -> list[str]:
    names = [name.strip().lower() for name in header]
    missing = [name for name in _COLUMNS if name not in names]
    if missing:
        raise DataError(
            f"column {missing[0]!r} is missing; the columns are {', '.join(names) or 'none'}",
            where=f"{path}:1",
            hint="the first line must name the columns: image,subject,object",
        )
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise DataError(
            f"column {twice[0]!r} is there twice", where=f"{path}:1", hint="name it once"
        )
    return names


def _cells(row: dict[str | Any, Any], where: str) -> dict[str, Any]:
    if None in row:
        raise DataError(
            "more cells than columns", where=where, hint='quote text with commas: "..."'
        )
    cells = {name: cell.strip() for name, cell in row.items() if cell and cell.strip()}
    if "task" in cells:
        cells["task"] = _TASK_CELLS.get(cells["task"], cells["task"])
    for name in _BOXES:
        if name in cells:
            cells[name] = _box_cell(cells[name], name, where)
    # Lists have no form in a cell; what is known of the answer belongs in gold.jsonl.
    return {name: cell for name, cell in cells.items() if name not in ("relations", "references")}


def _box_cell(cell: str, name: str, where: str) -> Any:
    try:
        return parse_json(cell)
    except ValueError as error:
        reason = getattr(error, "msg", error)
        raise DataError(
            f"field {name!r}: a box is four numbers [ymin, ymax, xmin, xmax], got {cell!r}: "
            f"{reason}",
            where=where,
            hint='write it in quotes: "[10, 60, 5, 80]"',
        ) from error
