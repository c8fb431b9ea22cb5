"""Instruction rows as a memory-mapped table, shared by training processes and loader workers."""

from __future__ import annotations

import glob
import logging
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, overload

from vsdkit.data.cache import cache_folder
from vsdkit.data.json_text import decode_text, parse_json, refuse_packed
from vsdkit.data.jsonl import dump_line, read_records, require_place, write_rows
from vsdkit.data.records import InstructionRow
from vsdkit.errors import DataError, MissingInputError, VsdkitError
from vsdkit.manifest import hash_file

if TYPE_CHECKING:
    from datasets import Dataset, Features

__all__ = ["InstructionTable", "is_hub_id"]

_MAKE_THEM: Final = "make them: vsdkit build-instructions vsdv1.json vsdv2.json"
_FIELDS: Final = ("id", "image", "task", "conversations")
_HUB_ID: Final = re.compile(r"[\w.-]+/[\w.-]+")
_START_BYTES: Final = 4096
"""Enough to tell a JSON list from JSON Lines: blanks may stand before the bracket."""
_BATCH: Final = 1000
"""Rows turned from Arrow into Python at once where all are read."""


class InstructionTable(Sequence[InstructionRow]):
    """The rows of a run, read from Arrow files on the disk when they are asked for.

    The system's page cache holds them once for all processes of a machine. A list of Python
    objects would be held by each process, and copied by each loader worker that counts references.

    Args:
        dataset: A ``datasets.Dataset`` whose rows are those of instructions.jsonl.
        digest: What tells these rows from others.
    """

    def __init__(self, dataset: Dataset, *, digest: str) -> None:
        # Without the columns that nobody reads: on the hub they may be images to decode.
        self._fields = [field for field in _FIELDS if field in dataset.column_names]
        self._dataset = dataset.select_columns(self._fields)
        self.digest = digest
        """What tells these rows from others: of a file, the hash of its bytes."""

    @classmethod
    def load(cls, source: Path) -> InstructionTable:
        """Return the rows of a file or of a data set on the hub, each of them looked at.

        Arrow's form of them is made once and kept in vsdkit's cache folder, below ``rows``.

        Args:
            source: JSON Lines, or LLaVA's JSON list, as ``vsdkit build-instructions`` writes them;
                or the id of a data set on the hub, ``owner/name``, with such rows in its split
                ``train``.

        Raises:
            MissingInputError: If there is no such file or data set, or the hub cannot be reached.
            DataError: If a row is wrong, or there is none; file, line and id are named.
            VsdkitError: If the cache folder cannot be written to.
        """
        table = _load_hub(str(source)) if is_hub_id(source) else _load_file(source)
        if not len(table):
            raise _no_rows(source)
        return table

    @classmethod
    def open(cls, files: Sequence[str], *, digest: str) -> InstructionTable:
        """Return the rows of a table that another process loaded, from its files.

        Raises:
            MissingInputError: If a file is not there.
        """
        from datasets import Dataset, concatenate_datasets

        for file in files:
            if not Path(file).is_file():
                raise MissingInputError(
                    "the table of the rows is not on this machine",
                    where=file,
                    hint="name a cache folder that all machines see: export VSDKIT_CACHE=FOLDER",
                )
        return cls(concatenate_datasets([Dataset.from_file(file) for file in files]), digest=digest)

    def without(self, places: Collection[int]) -> InstructionTable:
        """Return the table without the rows at these places, counted from 0."""
        if not places:
            return self
        gone = set(places)
        return self.take([place for place in range(len(self)) if place not in gone])

    def take(self, places: Sequence[int]) -> InstructionTable:
        """Return the table of the rows at these places, counted from 0."""
        return InstructionTable(self._dataset.select(places), digest=self.digest)

    def first(self, count: int | None) -> InstructionTable:
        """Return the table of the first rows; None, or more than there are, gives all of them."""
        if count is None or count >= len(self):
            return self
        # A range is a view of the same Arrow file: nothing is copied.
        return InstructionTable(self._dataset.select(range(count)), digest=self.digest)

    @property
    def files(self) -> list[str]:
        """The Arrow files, for ``open``."""
        return [str(file["filename"]) for file in self._dataset.cache_files]

    @property
    def images(self) -> list[str]:
        """The names of the rows' images, each once, in the order of the rows."""
        return [str(image) for image in self._dataset.unique("image")]

    @property
    def image_of_rows(self) -> list[str]:
        """The name of each row's image."""
        return [str(image) for image in self._dataset["image"]]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._dataset)

    @overload
    def __getitem__(self, index: int) -> InstructionRow: ...

    @overload
    def __getitem__(self, index: slice) -> list[InstructionRow]: ...

    def __getitem__(self, index: int | slice) -> InstructionRow | list[InstructionRow]:
        """Return one row, or some."""
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        return InstructionRow.from_dict(self._dataset[index])

    def __iter__(self) -> Iterator[InstructionRow]:
        """Yield the rows: many are read at once, which takes a fifth of the time.

        Raises:
            DataError: If a row is wrong; its number, from 1, and its id are named.
        """
        number = 0
        for batch in self._dataset.iter(_BATCH):
            for values in zip(*(batch[field] for field in self._fields), strict=True):
                number += 1
                yield _parse(dict(zip(self._fields, values, strict=True)), f"row {number:,}")


def is_hub_id(source: Path) -> bool:
    """Say whether rows are named by the id of a data set on the hub, and not by a path."""
    # A path that is misspelt is told as a missing file and not looked for on the hub.
    return (
        _HUB_ID.fullmatch(str(source)) is not None
        and source.suffix not in (".json", ".jsonl")
        and not source.exists()
        and not source.parent.is_dir()
    )


def _load_file(path: Path) -> InstructionTable:
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    if not path.is_file():
        raise MissingInputError("no instructions", where=str(path), hint=_MAKE_THEM)
    digest = hash_file(path)
    # A folder for each content: the library itself tells files apart by name and time alone.
    folder = _rows_folder() / digest[:16]
    rows = folder / "rows.jsonl"
    # Arrow reads what is no JSON (NaN, a key twice, two rows on a line), names no line, and sees
    # numbers and dates in texts. Our own reader looks at each row, and Arrow gets the four fields
    # alone, in whole characters.
    if not rows.is_file():
        write_rows(rows, (row.to_dict() for row in _read_rows(path)))
    if not rows.stat().st_size:
        raise _no_rows(path)
    try:
        with _quiet():
            dataset = load_dataset(
                "json",
                # The library takes the name for a pattern.
                data_files=glob.escape(str(rows.absolute())),
                split="train",
                cache_dir=str(folder),
                features=_features(),
                # Whatever HF_DATASETS_IN_MEMORY_MAX_SIZE says: other processes open the file.
                keep_in_memory=False,
            )
    except DatasetsError as error:
        raise VsdkitError(
            f"the table of the rows cannot be made: {_first_line(error)}",
            where=str(folder),
            hint="make room there, or name another cache folder: export VSDKIT_CACHE=FOLDER",
        ) from error
    return InstructionTable(dataset, digest=digest)


def _features() -> Features:
    from datasets import Features, List, Value

    text = Value("string")
    return Features(
        {
            "id": text,
            "image": text,
            "task": Value("int64"),
            "conversations": List({"from": text, "value": text}),
        }
    )


def _load_hub(name: str) -> InstructionTable:
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    folder = _rows_folder() / "hub"
    try:
        with _quiet():
            dataset = load_dataset(name, split="train", cache_dir=str(folder), keep_in_memory=False)
    except (DatasetsError, OSError, ValueError) as error:
        raise MissingInputError(
            f"no rows to be had from the hub: {_first_line(error)}",
            where=f"data set {name}, split train",
            hint="check the name, the network, and the folder of the hub's own cache (HF_HOME); or "
            "name a file of instructions",
        ) from error
    digest = sha256()
    try:
        for row in InstructionTable(dataset, digest=""):
            digest.update(dump_line(row.to_dict()).encode())
    except DataError as error:
        raise error.at(f"data set {name}") from error
    return InstructionTable(dataset, digest=digest.hexdigest())


def _read_rows(path: Path) -> Iterator[InstructionRow]:
    """Yield the rows of JSON Lines or of a JSON list; the line or entry of what is wrong is told.

    Raises:
        DataError: If a row is wrong.
    """
    with path.open("rb") as file:
        start = file.read(_START_BYTES)
    refuse_packed(start, path)
    if not start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"["):
        yield from read_records(path, InstructionRow.from_dict)
        return
    for number, entry in enumerate(_read_list(path), start=1):
        yield _parse(entry, f"{path}: entry {number:,}")


def _read_list(path: Path) -> list[Any]:
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        text = decode_text(content)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            "not UTF-8 text", where=f"{path}:{line}", hint="save the file as UTF-8"
        ) from error
    try:
        entries: list[Any] = parse_json(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise DataError(
            f"not JSON: {error}", where=f"{path}:{line}", hint="write the list again"
        ) from error
    return entries


def _parse(row: Any, where: str) -> InstructionRow:
    if not isinstance(row, dict):
        raise DataError(f"expected a JSON object, got {row!r}", where=where)
    try:
        return InstructionRow.from_dict(row)
    except DataError as error:
        raise error.at(f"{where}, id {row.get('id')!r}") from error


def _rows_folder() -> Path:
    folder = cache_folder() / "rows"
    try:
        require_place(folder / "rows.arrow")
    except VsdkitError as error:
        raise error.at(
            "the table of the rows", hint="name another cache folder: export VSDKIT_CACHE=FOLDER"
        ) from error
    return folder


def _no_rows(source: Path) -> DataError:
    return DataError("no rows to learn from", where=str(source), hint=_MAKE_THEM)


def _first_line(error: Exception) -> str:
    return (str(error.__cause__ or error).splitlines() or [type(error).__name__])[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' bars and log from the terminal; a failure is raised as an error."""
    import datasets.utils
    import huggingface_hub.utils

    with ExitStack() as undo:
        for part in (datasets.utils, huggingface_hub.utils):
            undo.callback(part.logging.set_verbosity, part.logging.get_verbosity())
            part.logging.set_verbosity(logging.CRITICAL)
            # Where the user's environment says so, switching them on again would warn.
            if not part.are_progress_bars_disabled():
                undo.callback(part.enable_progress_bars)
                part.disable_progress_bars()
        yield
