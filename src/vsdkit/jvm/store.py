"""Parsed sentences, kept between runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import orjson

from vsdkit.data.store import Store, StoreWords
from vsdkit.progress import SILENT, Listener

__all__ = ["TupleStore", "Tuples"]

Tuples = list[list[str]]
"""What SPICE reads in one sentence: objects, (object, attribute), (subject, object, predicate)."""


class TupleStore:
    """The tuples of every sentence parsed so far; use it in a ``with``.

    Args:
        path: The file; see ``Store`` for what becomes of one that cannot be used.
        version: What the tuples depend on; every version has a table of its own.
        listener: Who is told of a file that cannot be used.
    """

    def __init__(self, path: Path, *, version: str, listener: Listener = SILENT) -> None:
        words = StoreWords("parsed sentences", "sentences are parsed again")
        self._store = Store(path, table=f"tuples_{version}", words=words, listener=listener)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *caught: object) -> None:
        """Close the file."""
        self._store.__exit__(*caught)

    def get(self, sentences: Sequence[str]) -> dict[str, Tuples]:
        """Return the tuples of those sentences that are kept."""
        sentence_of = {_key(sentence): sentence for sentence in sentences}
        found = self._store.get(list(sentence_of))
        return {sentence_of[key]: orjson.loads(tuples) for key, tuples in found.items()}

    def put(self, parsed: Mapping[str, Tuples]) -> None:
        """Keep the tuples of these sentences; they are on the disk when this returns."""
        rows = {_key(sentence): orjson.dumps(tuples) for sentence, tuples in parsed.items()}
        self._store.put(rows)


def _key(sentence: str) -> bytes:
    return hashlib.sha256(sentence.encode()).digest()
