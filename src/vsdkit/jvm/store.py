"""Parsed sentences, kept between runs in one SQLite file."""

from __future__ import annotations

import hashlib
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import orjson

from vsdkit.progress import SILENT, Listener

__all__ = ["TupleStore", "Tuples"]

Tuples = list[list[str]]
"""What SPICE reads in one sentence: objects, (object, attribute), (subject, object, predicate)."""

Answer = TypeVar("Answer")

_BUSY_TIMEOUT_S = 60
_KEYS_A_QUERY = 500


class TupleStore:
    """The tuples of every sentence parsed so far; use it in a ``with``.

    Several processes may share the file (WAL). A row is written whole or not at all and carries
    a checksum of sentence and tuples. A damaged file is set aside and begun anew; where no file
    can be written, tuples are kept for this run only. Either is said, neither is an error.

    Args:
        path: The file.
        version: What the tuples depend on; every version has a table of its own.
        listener: Who is told of a file that cannot be used.
    """

    def __init__(self, path: Path, *, version: str, listener: Listener = SILENT) -> None:
        self._path = path
        self._table = f"tuples_{version}"
        self._listener = listener
        self._connection = self._open()

    def __enter__(self) -> TupleStore:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._connection.close()

    def get(self, sentences: Sequence[str]) -> dict[str, Tuples]:
        """Return the tuples of those sentences that are kept."""
        return self._guarded(lambda: self._select(sentences))

    def put(self, parsed: Mapping[str, Tuples]) -> None:
        """Keep the tuples of these sentences; they are on the disk when this returns."""
        self._guarded(lambda: self._insert(parsed))

    def _select(self, sentences: Sequence[str]) -> dict[str, Tuples]:
        sentence_of = {_key(sentence): sentence for sentence in sentences}
        found: dict[str, Tuples] = {}
        for keys in _chunks(list(sentence_of), _KEYS_A_QUERY):
            marks = ",".join("?" * len(keys))
            query = f"SELECT key, tuples, checksum FROM {self._table} WHERE key IN ({marks})"
            for key, tuples, checksum in self._connection.execute(query, keys):
                # SQLite keeps any type in any column.
                if not isinstance(tuples, bytes) or checksum != zlib.crc32(key + tuples):
                    raise sqlite3.DatabaseError("a row does not match its checksum")
                found[sentence_of[key]] = orjson.loads(tuples)
        return found

    def _insert(self, parsed: Mapping[str, Tuples]) -> None:
        rows = ((_key(sentence), orjson.dumps(tuples)) for sentence, tuples in parsed.items())
        with self._connection:
            self._connection.executemany(
                f"INSERT OR REPLACE INTO {self._table} VALUES (?, ?, ?)",
                ((key, tuples, zlib.crc32(key + tuples)) for key, tuples in rows),
            )

    def _guarded(self, act: Callable[[], Answer]) -> Answer:
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
            f"warning: the file of parsed sentences was damaged ({error}); it is now {aside.name} "
            "and sentences are parsed again"
        )
        return connection

    def _in_memory(self, error: Exception) -> sqlite3.Connection:
        self._listener.message(
            f"warning: parsed sentences are not kept after this run: {self._path}: {error}"
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
                    "tuples BLOB NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID"
                )
        except BaseException:
            connection.close()
            raise
        return connection


def _key(sentence: str) -> bytes:
    return hashlib.sha256(sentence.encode()).digest()


def _chunks(values: Sequence[bytes], size: int) -> Iterator[list[bytes]]:
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk
