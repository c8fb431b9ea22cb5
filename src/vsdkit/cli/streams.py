"""Standard streams that hold what they should, closed, full or abandoned as they may be."""

from __future__ import annotations

import io
import os
import select
import sys
from typing import Any, TextIO

from vsdkit.errors import VsdkitError

__all__ = ["StdoutError", "guard_streams", "was_abandoned"]


class StdoutError(VsdkitError):
    """stdout does not take the result."""


_STDIN, _STDOUT, _STDERR = range(3)


def guard_streams() -> None:
    """Put streams in the place of ``sys.stdout`` and ``sys.stderr`` that no command trips over.

    * A closed one is opened on the null device: else the next file that is opened would get its
      number, and what C libraries print would be written into that file.
    * stdout holds results only. What child processes and C libraries print by its number goes to
      stderr; ``Output`` does the same with what Python's libraries print.
    * A reader that went away, as ``head`` does, has what it wanted: the rest is dropped, and the
      exit code is the command's own, not one that depends on who was faster.
    * A full disk under stdout is an error; under stderr nobody could be told.
    """
    for number in (_STDIN, _STDOUT, _STDERR):
        try:
            os.fstat(number)
        except OSError:
            # In ascending order: a new file gets the lowest free number, this one.
            os.open(os.devnull, os.O_RDWR)
    if not _is_terminal(sys.stderr):
        sys.stderr = _rewrapped(sys.stderr, _Messages(_STDERR, "wb", closefd=False))
    if not _is_terminal(sys.stdout):
        if sys.stdout is not None:
            sys.stdout.flush()
        results = os.dup(_STDOUT)
        os.dup2(_STDERR, _STDOUT)
        sys.stdout = _rewrapped(sys.stdout, _Results(results, "wb"))
    for stream in (sys.stdout, sys.stderr):
        # A terminal without some characters shows their numbers.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def was_abandoned(stream: TextIO) -> bool:
    """Say whether the reader of a guarded stream has gone away, so that what is written is lost."""
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return isinstance(raw, _Guarded) and raw.has_failed


class _Guarded(io.FileIO):
    """A file whose failure is met once: what is still written, at exit at the latest, is lost."""

    has_failed = False

    def write(self, content: Any, /) -> int:
        """Write it, or drop it and the rest when the file takes no more."""
        try:
            while (count := super().write(content)) is None:
                # Somebody at the other end made the pipe one that does not wait.
                select.select([], [self], [])
            return count
        except OSError as error:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            self.has_failed = True
            self._met(error)
            return len(content)

    def _met(self, error: OSError) -> None:
        raise NotImplementedError


class _Results(_Guarded):
    def _met(self, error: OSError) -> None:
        if not isinstance(error, BrokenPipeError):
            raise StdoutError(
                f"the result cannot be printed: {error.strerror}", where="stdout"
            ) from error


class _Messages(_Guarded):
    def _met(self, error: OSError) -> None:
        """Go on: a message that cannot be told must not cost the result."""


def _is_terminal(stream: TextIO | None) -> bool:
    # sys.stdout is None where it was closed before Python began.
    return stream is not None and stream.isatty()


def _rewrapped(stream: TextIO | None, raw: io.FileIO) -> io.TextIOWrapper:
    """Return a text stream to another file, encoded as the first one and as eager as it."""
    known = stream if isinstance(stream, io.TextIOWrapper) else None
    # write_through: with PYTHONUNBUFFERED nothing waits.
    eager = known is not None and (known.line_buffering or known.write_through)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=known.encoding if known else "utf-8",
        line_buffering=eager,
    )
