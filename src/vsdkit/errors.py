"""Every error a user can meet, each with the exit code of the command that meets it.

    VsdkitError                 1  a problem was found
    ├── ConfigError             2  a setting, flag or file of settings is wrong
    │   └── TemplateError       2  a template or conversation file is wrong or does not fit
    ├── DataError               1  a file's content is wrong (file, row, field)
    │   └── AlignmentError      1  two files do not belong together
    ├── MissingInputError       3  a file, image, model or program is not there
    │   └── CheckpointError     3  a model or adapter cannot be loaded
    ├── MetricError             3  a metric cannot run here
    ├── BackendError            3  a server did not answer as it should
    └── ChildFailedError        4  a process that was started failed

An error says what happened, where, and what to do: one line each. Anything that is not a
``VsdkitError`` is a defect of the program and keeps its traceback.
"""

from __future__ import annotations

import copy
from typing import Self

__all__ = [
    "AlignmentError",
    "BackendError",
    "CheckpointError",
    "ChildFailedError",
    "ConfigError",
    "DataError",
    "MetricError",
    "MissingInputError",
    "TemplateError",
    "VsdkitError",
]

EXIT_INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 and the number of SIGINT, as shells have it."""


class VsdkitError(Exception):
    """A problem that the user can repair.

    Args:
        message: What happened, with what was got and what was expected.
        where: File, row and field, or the setting's name.
        hint: What to do next, if possible the command to type.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        # The message only: copy.copy, as ``at`` uses it, calls this again with Exception.args.
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def at(self, where: str, *, hint: str = "") -> Self:
        """Return the same error with its place, for ``raise error.at(place) from error``.

        Args:
            where: File, row and field; it stands before a place that is known already.
            hint: What to do next, in place of what the error said.

        >>> print(DataError("no such relation", where="field 'relations'").at("gold.jsonl:3"))
        no such relation
          where: gold.jsonl:3, field 'relations'
        """
        placed = copy.copy(self)
        placed.where = ", ".join(part for part in (where, self.where) if part)
        placed.hint = hint or self.hint
        return placed

    def one_line(self) -> str:
        """Return what, where and what to do on one line, for a row of a file or a stream.

        >>> DataError("no such relation", where="line 3", hint="see docs/data.md").one_line()
        'no such relation (line 3); see docs/data.md'
        """
        where = f" ({self.where})" if self.where else ""
        hint = f"; {self.hint}" if self.hint else ""
        return " ".join(f"{self.message}{where}{hint}".split())

    def __str__(self) -> str:
        """Return the three lines a user reads, without empty ones."""
        lines = [self.message]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.hint:
            lines.append(f"  do:    {self.hint}")
        return "\n".join(lines)


class ConfigError(VsdkitError):
    """A setting is unknown, out of range, or contradicts another."""

    exit_code = 2


class TemplateError(ConfigError):
    """A template or conversation file is wrong, unknown, or not the one trained with."""


class DataError(VsdkitError):
    """The content of a file is not what it should be."""


class AlignmentError(DataError):
    """Rows of two files that belong together do not match."""


class MissingInputError(VsdkitError):
    """An input or a dependency is not there."""

    exit_code = 3


class CheckpointError(MissingInputError):
    """A base model or an adapter cannot be loaded."""


class MetricError(VsdkitError):
    """A metric cannot run here; its value is n/a, never 0."""

    exit_code = 3


class BackendError(VsdkitError):
    """A server did not answer, or not as it should.

    Args:
        message: What happened.
        where: Address and row.
        hint: What to do next.
        retryable: Whether the same request may work later.
        of_all: Whether every other request would meet it too: key, model, address, the way there.
        status_code: HTTP status, if there was an answer.
    """

    exit_code = 3

    def __init__(
        self,
        message: str,
        *,
        where: str = "",
        hint: str = "",
        retryable: bool = False,
        of_all: bool = False,
        status_code: int | None = None,
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.retryable = retryable
        self.of_all = of_all
        self.status_code = status_code


class ChildFailedError(VsdkitError):
    """A process that was started ended without doing its work."""

    exit_code = 4
