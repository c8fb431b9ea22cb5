"""Values that cost time or money, kept between runs in one SQLite file."""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

from vsdkit.progress import SILENT, Listener

__all__ = ["Store", "StoreWords"]

Result = TypeVar("Result")

_BUSY_TIMEOUT_S = 60
_KEYS_A_QUERY = 500


class StoreWords(NamedTuple):
    """How a store's messages name what it keeps."""

    kept: str
    """As ``parsed sentences``."""
    again: str
    """What happens without them, as ``sentences are parsed again``."""


class Store:
    """Bytes by their key, from all runs so far; use it in a ``with``.

    Several processes may share the file (WAL). A row is written whole or not at all and carries
    a checksum of key and value. A damaged file is set aside and begun anew; where no file can be
    written, values are kept for this run only. Either is said, neither is an error.

    Args:
        path: The file.
        table: What a value depends on besides its key is part of this name.
        words: What is kept there.
        listener: Who is told of a file that cannot be used.
    """

    def __init__(
        self, path: Path, *, table: str, words: StoreWords, listener: Listener = SILENT
    ) -> None:
        self._path = path
        self._table = table
        self._words = words
        self._listener = listener
        self._connection = self._open()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._connection.close()

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the values of those keys that have one."""
        return self._guarded(lambda: self._select(keys))

    def put(self, values: Mapping[bytes, bytes]) -> None:
        """Keep these values; they are on the disk when this returns."""
        self._guarded(lambda: self._insert(values))

    def _select(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        for chunk in _chunks(keys, _KEYS_A_QUERY):
            marks = ",".join("?" * len(chunk))
            # All columns, in their order: older files call the second one otherwise.
            query = f"SELECT * FROM {self._table} WHERE key IN ({marks})"
            for key, value, checksum in self._connection.execute(query, chunk):
                # SQLite keeps any type in any column.
                if not isinstance(value, bytes) or checksum != zlib.crc32(key + value):
                    raise sqlite3.DatabaseError("a row does not match its checksum")
                found[key] = value
        return found

    def _insert(self, values: Mapping[bytes, bytes]) -> None:
        with self._connection:
            self._connection.executemany(
                f"INSERT OR REPLACE INTO {self._table} VALUES (?, ?, ?)",
                ((key, value, zlib.crc32(key + value)) for key, value in values.items()),
            )

    def _guarded(self, act: Callable[[], Result]) -> Result:
        try:
            return act()
        except sqlite3.DatabaseError as error:
            self._connection.close()
            self._connection = self._recover(error)
            return act()

    def _open(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return self._connect(str(self._path))
        except (sqlite3.DatabaseError, OSError) as error:
            return self._recover(error)

    def _recover(self, error: Exception) -> sqlite3.Connection:
        # OperationalError: the place is at fault (rights, lock, full disk), not the content.
        if isinstance(error, OSError | sqlite3.OperationalError):
            return self._in_memory(error)
        aside = self._path.with_name(f"{self._path.name}.damaged-{time.time_ns()}")
        try:
            for suffix in ("-wal", "-shm", ""):
                part = self._path.with_name(self._path.name + suffix)
                if part.exists():
                    part.replace(aside.with_name(aside.name + suffix))
            connection = self._connect(str(self._path))
        except (sqlite3.DatabaseError, OSError) as second:
            return self._in_memory(second)
        self._listener.message(
            f"warning: the file of {self._words.kept} was damaged ({error}); it is now "
            f"{aside.name} and {self._words.again}"
        )
        return connection

    def _in_memory(self, error: Exception) -> sqlite3.Connection:
        self._listener.message(
            f"warning: {self._words.kept} are not kept after this run: {self._path}: {error}"
        )
        return self._connect(":memory:")

    def _connect(self, name: str) -> sqlite3.Connection:
        connection = sqlite3.connect(name, timeout=_BUSY_TIMEOUT_S)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            state = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if state != "ok":
                raise sqlite3.DatabaseError(state)
            with connection:
                connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {self._table} (key BLOB PRIMARY KEY, "
                    "value BLOB NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID"
                )
        except BaseException:
            connection.close()
            raise
        return connection


def _chunks(values: Sequence[bytes], size: int) -> Iterator[list[bytes]]:
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk
