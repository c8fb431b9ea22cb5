"""Lines of a stream as they come: a line is taken as soon as it is there, and never waited past."""

from __future__ import annotations

import io
import os
import select
from typing import BinaryIO, Final, NamedTuple

__all__ = ["LONGEST_LINE", "Line", "Lines"]

LONGEST_LINE: Final = 1 << 20
"""Bytes of the longest line that is kept; an item has a few hundred."""
_PIECE: Final = 1 << 16
"""Bytes taken at once: what a pipe of Linux holds."""


class Line(NamedTuple):
    """A line of a stream."""

    number: int
    """Counted from 1."""
    content: bytes
    """Without its end; empty where it is too long."""
    is_too_long: bool = False
    """Whether it is longer than ``LONGEST_LINE``: it was passed over, and not kept."""


class Lines:
    """Reads a stream line by line.

    Not ``for line in stream``: what Python reads ahead could not be told from what is still to
    come, and whether another line is waiting decides what is answered together.

    Args:
        stream: A pipe, a file, a terminal, or bytes in memory.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        try:
            self._number: int | None = stream.fileno()
        except io.UnsupportedOperation:
            self._number = None
        self._held = bytearray()
        self._looked = 0
        self._taken = 0
        self._passes_over = False
        self._has_ended = False

    def take(self) -> Line | None:
        """Return the next line, having waited for it; None at the end of the stream."""
        while (line := self._cut()) is None and not self._has_ended:
            self._read()
        return line or self._last()

    def take_waiting(self) -> Line | None:
        """Return the next line if it is there already."""
        line = self._cut()
        if line is None and not self._has_ended and self._is_readable():
            self._read()
            line = self._cut()
        return line

    def _is_readable(self) -> bool:
        if self._number is None:
            return True
        try:
            return bool(select.select([self._number], [], [], 0)[0])
        except OSError:
            # Windows can only ask this of sockets: there each line is answered alone.
            return False

    def _read(self) -> None:
        # os.read and not stream.read: it returns what there is, and does not wait for more.
        piece = self._stream.read(_PIECE) if self._number is None else os.read(self._number, _PIECE)
        self._has_ended = not piece
        self._held += piece
        if len(self._held) > LONGEST_LINE and b"\n" not in self._held:
            self._held.clear()
            self._looked, self._passes_over = 0, True

    def _cut(self) -> Line | None:
        end = self._held.find(b"\n", self._looked)
        if end < 0:
            self._looked = len(self._held)
            return None
        content = bytes(self._held[:end])
        del self._held[: end + 1]
        return self._line(content)

    def _last(self) -> Line | None:
        """Return what stands behind the last end of a line."""
        content = bytes(self._held)
        self._held.clear()
        return self._line(content) if content or self._passes_over else None

    def _line(self, content: bytes) -> Line:
        self._looked = 0
        self._taken += 1
        too_long = self._passes_over or len(content) > LONGEST_LINE
        self._passes_over = False
        return Line(self._taken, b"" if too_long else content, too_long)
