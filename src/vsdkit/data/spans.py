"""A part of a text, by its characters."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Span"]


class Span(NamedTuple):
    """A half-open span of characters."""

    start: int
    """Number of the first character."""
    end: int
    """Number of the character behind the last one."""
