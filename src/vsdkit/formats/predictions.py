"""Read the predictions of one system, in any of the known formats, as rows keyed like gold's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.data.row_files import keep_one_each
from vsdkit.errors import AlignmentError, ConfigError
from vsdkit.formats.content import read_content
from vsdkit.formats.kinds import decide_format, find_format
from vsdkit.formats.submission import find_files

__all__ = ["PredictionFile", "read_predictions"]


@dataclass(frozen=True)
class PredictionFile:
    """The predictions of one system."""

    kind: str
    """Name of the format that the file has."""
    rows: tuple[PredictionRow, ...]
    """The predictions, in the file's order."""
    description: str
    """One line for the user: what the file was taken for, and why."""


def read_predictions(
    paths: Sequence[Path],
    gold: Sequence[GoldRow],
    *,
    kind: str | None = None,
    task: int | None = None,
) -> PredictionFile:
    r"""Return the predictions in one file, or in the two files or the folder of a submission.

    A sentence may hold anything: line breaks in JSON, U+2028, tabs, emoji. Half of a surrogate
    pair becomes U+FFFD. In plain text ``\n`` alone ends a row. Rows without a counterpart in gold
    and gold rows without an answer are for the caller to compare.

    Args:
        paths: One path, or the two files of a submission in any order.
        gold: The gold rows: answers without ids are matched with them by order, those of a
            submission by image and tags.
        kind: Name of one of ``kinds.FORMATS``; None decides from the content.
        task: The task of answers that do not tell it.

    Raises:
        MissingInputError: If a file is not there.
        DataError: If a row is wrong; it is named.
        AlignmentError: If a key is there twice, or rows cannot be matched with gold rows.
        ConfigError: If the kind is unknown or does not fit the paths.
    """
    told = None if kind is None else find_format(kind)
    files = find_files(paths)
    if told is None:
        found = [decide_format(read_content(path), path) for path in files]
        # Of two files one may be too damaged to be known for what it is.
        told = max(found, key=lambda one: one.most_files)
    where = ", ".join(map(str, files))
    if len(files) > told.most_files:
        raise ConfigError(
            f"{len(files)} files of predictions; only a submission has two",
            where=where,
            hint="name one file, or task1-2.json and task3.json",
        )
    reading = told.read(files, gold, task)
    rows = tuple(keep_one_each(reading.rows))
    if not rows:
        raise AlignmentError("there is no prediction", where=where)
    names = " and ".join(path.name for path in files)
    return PredictionFile(told.name, rows, f"{names}: {reading.told}")
