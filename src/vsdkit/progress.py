"""Messages and progress of library code, which prints nothing: the caller brings a listener."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

__all__ = ["SILENT", "Console", "Listener", "Tracker"]


class Tracker(Protocol):
    """One piece of long work under way."""

    def advance(self, steps: int = 1, **facts: Any) -> None:
        """Count finished steps; ``facts`` are shown beside the bar, as ``loss=0.12``."""


class Listener(Protocol):
    """Who is told of messages and progress."""

    def message(self, text: str) -> None:
        """Take one line for the person at the terminal."""

    def track(self, description: str, *, total: int | None) -> Any:
        """Return a context manager that gives a ``Tracker`` for work of ``total`` steps."""


@runtime_checkable
class Console(Listener, Protocol):
    """A listener that also takes results as they come: the command line's."""

    @property
    def as_json(self) -> bool:
        """Whether the result is to be one JSON document."""

    def put(self, content: bytes | str) -> bool:
        """Write a piece of a result to stdout at once.

        Returns:
            False once its reader has gone away: more is not wanted.
        """


class _Silent:
    def message(self, text: str) -> None:
        """Drop it."""

    @contextmanager
    def track(self, description: str, *, total: int | None) -> Iterator[Tracker]:  # noqa: ARG002
        """Give a tracker that drops everything."""
        yield _SilentTracker()


class _SilentTracker:
    def advance(self, steps: int = 1, **facts: Any) -> None:
        """Drop it."""


SILENT: Listener = _Silent()
"""Hears everything and says nothing: the default of library functions."""
