"""What every command returns: a report that is JSON, tables, notes and failures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from vsdkit.errors import VsdkitError

__all__ = ["Report", "Table", "printable"]


class Table(NamedTuple):
    """A table for the person at the terminal."""

    columns: tuple[str, ...]
    """Heads of the columns."""
    rows: Sequence[Sequence[object]]
    """Cells in the order of ``columns``: text, whole numbers, floats, None where there is none."""
    title: str = ""
    """What stands above it; empty for nothing."""


class Report:
    """Base of what a command returns; a subclass is a frozen dataclass.

    The library prints nothing: ``vsdkit.cli.output.Output.show`` prints a report, and raises its
    first failure when that is done.
    """

    __slots__ = ()

    follows_results: ClassVar[bool] = False
    """Whether the results stand on stdout already, so that the report goes to stderr."""

    def to_dict(self) -> dict[str, Any]:
        """Return the report as ``--json`` prints it."""
        raise NotImplementedError

    def tables(self) -> Sequence[Table]:
        """Return the tables to print, the main one first."""
        raise NotImplementedError

    def notes(self) -> Sequence[str]:
        """Return the lines that stand below the first table."""
        return ()

    @property
    def failures(self) -> Sequence[VsdkitError]:
        """What could not be done while the rest was; the first decides the exit code."""
        return ()


def printable(text: str) -> str:
    """Return a text without what a terminal would obey; an answer may hold anything."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in text
    )
