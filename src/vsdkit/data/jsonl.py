"""Read JSON Lines with the place of each row; write files whole or not at all; append rows."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Generic, NamedTuple, TextIO, TypeVar, cast

import jsonlines
import orjson

from vsdkit.data.json_text import decode_text, parse_json, refuse_packed
from vsdkit.errors import ConfigError, DataError, MissingInputError, VsdkitError

__all__ = [
    "NumberedRow",
    "Placed",
    "append_rows",
    "dump_document",
    "dump_json",
    "dump_line",
    "hold_file",
    "open_atomic",
    "place_records",
    "read_appended",
    "read_records",
    "read_rows",
    "read_so_far",
    "require_folder",
    "require_place",
    "write_bytes",
    "write_rows",
]

Record = TypeVar("Record")


class NumberedRow(NamedTuple):
    """A row of a file and its line."""

    line: int
    """Counted from 1; empty lines count."""
    row: dict[str, Any]
    """The line's JSON object."""


class Placed(NamedTuple, Generic[Record]):
    """A record of a file and its place there."""

    record: Record
    """What a row was made into."""
    where: str
    """File and line, or file and entry, as error messages name it."""


def dump_json(value: object) -> str:
    """Return compact JSON as orjson writes it, UTF-8 and not ASCII-escaped."""
    return orjson.dumps(value).decode()


def dump_document(value: object) -> str:
    """Return indented JSON with its end of line; names of files may hold any bytes."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
    try:
        return orjson.dumps(value, option=options, default=str).decode()
    except orjson.JSONEncodeError:
        # Bytes of a file name that are no UTF-8, or a number of more than 64 bits.
        return json.dumps(value, indent=2, default=str) + "\n"


def dump_line(value: object) -> str:
    """Return a row of a JSON Lines file with its end of line."""
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE).decode()


def read_rows(path: Path) -> Iterator[NumberedRow]:
    """Yield the rows of a JSON Lines file; empty lines are passed over.

    Raises:
        MissingInputError: If the file is not there or cannot be opened.
        DataError: If it is not UTF-8, or a line is not a JSON object or has a key twice; file and
            line are named.
    """
    with _open(path) as file:
        yield from _rows_of(file, path)


def read_so_far(path: Path) -> Iterator[NumberedRow]:
    """Yield the whole rows of a file that another process may be appending to.

    A last line without its end is passed over: it is being written. Unlike ``read_appended`` this
    neither holds nor changes the file, which would fail whoever appends to it.

    Raises:
        MissingInputError: If the file is not there or cannot be opened.
        DataError: If another line is not a JSON object; file and line are named.
    """
    with _open(path) as file:
        yield from _rows_of((line for line in file if line.endswith(b"\n")), path)


def _rows_of(file: Iterable[bytes], path: Path) -> Iterator[NumberedRow]:
    lines = _CountedLines(file, path)
    try:
        with jsonlines.Reader(lines, loads=parse_json) as reader:
            for row in reader.iter(type=dict, skip_empty=True):
                yield NumberedRow(lines.number, row)
    except jsonlines.InvalidLineError as error:
        raise DataError(
            f"not a JSON object: {_reason(error)}",
            where=f"{path}:{error.lineno}",
            hint="each line must be one JSON object, as {...}",
        ) from error


def _reason(error: jsonlines.InvalidLineError) -> str:
    cause = error.__cause__
    if isinstance(cause, json.JSONDecodeError):
        return f"{cause.msg} (column {cause.colno:,})"
    return str(cause or error).splitlines()[0]


class _CountedLines:
    """The lines of a file and the number of the last one: jsonlines tells it in errors only."""

    def __init__(self, file: Iterable[bytes], path: Path) -> None:
        self._file = file
        self._path = path
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        for self.number, line in enumerate(self._file, start=1):  # noqa: B020
            try:
                yield decode_text(line)
            except UnicodeDecodeError as error:
                raise DataError(
                    "not UTF-8 text",
                    where=f"{self._path}:{self.number}",
                    hint="save the file as UTF-8",
                ) from error


def read_records(path: Path, parse: Callable[[dict[str, Any]], Record]) -> Iterator[Record]:
    """Yield the records of a JSON Lines file.

    Args:
        path: The file.
        parse: Makes a record of a row, as ``GoldRow.from_dict``; its ``DataError`` gets the place.

    Raises:
        MissingInputError: If the file is not there.
        DataError: If a row is wrong; file, line and, if the row has one, id are named.
    """
    return (record for record, _ in place_records(path, parse))


def place_records(
    path: Path, parse: Callable[[dict[str, Any]], Record], *, named_by: str = "id"
) -> Iterator[Placed[Record]]:
    """Yield the records of a JSON Lines file with their places.

    Args:
        path: The file.
        parse: Makes a record of a row; its ``DataError`` gets the place.
        named_by: Field that errors name the row by, if the row has it.

    Raises:
        MissingInputError: If the file is not there.
        DataError: If a row is wrong; file, line and the named field are told.
    """
    for line, row in read_rows(path):
        try:
            yield Placed(parse(row), f"{path}:{line}")
        except DataError as error:
            name = f", {named_by} {row[named_by]!r}" if named_by in row else ""
            raise error.at(f"{path}:{line}{name}") from error


@contextmanager
def open_atomic(path: Path) -> Iterator[IO[str]]:
    """Open a UTF-8 text file that appears under its name only when it is whole.

    It is written beside its final place, synced and renamed; after an error or an interruption
    an older file of that name is as it was. A link is followed: the file it names is replaced.

    Raises:
        VsdkitError: If the place is a folder or a device, the folder cannot be written to, or the
            disk is full.
    """
    temporary: Path | None = None
    try:
        target = _final_place(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        # In the same folder, so that it lies on the same disk: a file is renamed within one only.
        with tempfile.NamedTemporaryFile(
            "w",
            encoding="utf-8",
            newline="\n",
            dir=target.parent,
            prefix=f".{target.name}.",
            suffix=".part",
            delete=False,
        ) as file:
            temporary = Path(file.name)
            yield file
            # On the disk before it gets its name: after a power cut the name must not stand for an
            # empty file.
            file.flush()
            os.fsync(file.fileno())
        # Temporary files are their owner's alone; this one is to be as any new file.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
        temporary = None
    except OSError as error:
        raise _not_written(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def require_place(path: Path) -> None:
    """Return if a file can be written there, so that it is known before long work.

    Raises:
        VsdkitError: If the place is a folder or a device, or the folder cannot be written to.
    """
    try:
        target = _final_place(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            return
    except OSError as error:
        raise _not_written(path, error) from error


def require_folder(folder: Path) -> None:
    """Make a folder and return if files can be written there, before long work.

    Raises:
        VsdkitError: If it cannot be made, or not be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        raise _not_written(folder, error) from error


def _final_place(path: Path) -> Path:
    try:
        # Renaming would put a file in the place of the link or of a device such as /dev/null.
        target = path.resolve()
    except RuntimeError as error:
        # What Python says of links that lead to each other.
        raise VsdkitError(f"cannot write: {error}", where=str(path)) from error
    if target.exists() and not target.is_file():
        raise VsdkitError("cannot write: not a file", where=str(path), hint="name another place")
    return target


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file that is no text, atomically.

    Raises:
        VsdkitError: As ``open_atomic``.
    """
    with open_atomic(path) as file:
        cast("TextIO", file).buffer.write(content)


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows as JSON Lines, atomically, and return how many there were."""
    count = 0
    with open_atomic(path) as file, jsonlines.Writer(file, dumps=dump_json) as writer:
        for row in rows:
            writer.write(row)
            count += 1
    return count


def read_appended(path: Path) -> list[NumberedRow]:
    """Return the whole rows of a file that a run appended to, cutting off a torn last line.

    A run that is killed while it writes leaves at most one line without its end. That line is
    removed from the file, so that the run can go on behind the last whole row.

    Raises:
        DataError: If another line is not a JSON object.
        ConfigError: If another process is appending to it.
        VsdkitError: If it cannot be opened for writing.
    """
    if not path.exists():
        return []
    with _told(path), path.open("rb+") as file:
        # Without the lock a line that another process is about to end would be cut off.
        hold_file(file, path)
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            file.truncate(whole)
    return list(read_rows(path))


@contextmanager
def append_rows(path: Path) -> Iterator[Callable[[Iterable[Mapping[str, Any]]], None]]:
    """Yield a function that appends rows and returns when they are on the disk.

    The file is held meanwhile: two runs with one output would mix their rows.

    Raises:
        ConfigError: If another process is appending to it.
        VsdkitError: If it cannot be written, or the disk is full; rows before that are kept.
    """
    with _told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: what a full disk did not take must not be written again when it is closed.
        file = path.open("ab", buffering=0)
    with file:
        hold_file(file, path)

        def append(rows: Iterable[Mapping[str, Any]]) -> None:
            content = memoryview("".join(map(dump_line, rows)).encode())
            with _told(path):
                while content:
                    content = content[file.write(content) :]
                os.fsync(file.fileno())

        yield append


def hold_file(
    file: IO[Any],
    path: Path,
    *,
    doing: str = "writing this file",
    instead: str = "name another file: --output FILE",
) -> None:
    """Hold an open file until it is closed, where the system has locks.

    Args:
        file: The file.
        path: What is held, for the message.
        doing: What another process that holds it is doing.
        instead: What may be done in place of waiting for it.

    Raises:
        ConfigError: If another process holds it.
    """
    if sys.platform == "win32":
        # No such locks there: nothing can be said.
        return
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConfigError(
            f"another process is {doing}", where=str(path), hint=f"wait for it, or {instead}"
        ) from error
    except OSError:
        # A file system without locks: nothing can be said.
        return


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _not_written(path, error) from error


def _open(path: Path) -> IO[bytes]:
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise MissingInputError("no such file", where=str(path)) from error
    except OSError as error:
        raise MissingInputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    try:
        # Looked at, not read: the file may be a pipe.
        refuse_packed(file.peek(6), path)
    except DataError:
        file.close()
        raise
    return file


def _not_written(path: Path, error: OSError) -> VsdkitError:
    return VsdkitError(
        f"cannot write: {error.strerror or error}",
        where=str(path),
        hint="name another place, or make room",
    )


def _umask() -> int:
    # It can only be read by setting it.
    mask = os.umask(0)
    os.umask(mask)
    return mask
