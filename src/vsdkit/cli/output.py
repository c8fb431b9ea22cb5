"""The one way out: data to stdout, messages and progress to stderr."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TextIO

from vsdkit.cli.streams import was_abandoned
from vsdkit.errors import VsdkitError
from vsdkit.reporting import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from vsdkit.reporting import Report, Table

__all__ = ["Output", "print_error"]

_NUMBER = re.compile(r"(?:[-+]?[\d,.]+|n/a)?")
_BETWEEN_COLUMNS = 2
_LONGEST_WHOLE = 30
"""Longer words, as signatures and paths have them, may be cut at the edge of a column."""

_PIPE_WIDTH = 200
"""Columns of a table that no terminal shows: wide enough that nothing is folded."""


class Output:
    """What a command prints.

    Args:
        as_json: Print results as one JSON document and no progress.
        quiet: Print no messages and no progress.
    """

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self._as_json = as_json
        self._quiet = quiet
        self._results = sys.stdout
        if as_json:
            # Until the document is printed, what libraries print is a message.
            sys.stdout = sys.stderr

    @property
    def as_json(self) -> bool:
        """Whether the result is printed as one JSON document."""
        return self._as_json

    @property
    def is_quiet(self) -> bool:
        """Whether the result is all that is wanted."""
        return self._quiet or self._as_json

    @property
    def shows_bars(self) -> bool:
        """Whether progress is shown: on a terminal, without ``--json`` and ``--quiet``."""
        return not self.is_quiet and sys.stderr.isatty()

    def message(self, text: str) -> None:
        """Print one line to stderr, unless ``--quiet``."""
        if not self._quiet:
            print(text, file=sys.stderr, flush=True)  # noqa: T201

    def show(self, report: Report) -> None:
        """Print a report to stdout: one JSON document with ``--json``, tables otherwise.

        A report that follows its results goes to stderr, and nowhere with ``--quiet``.

        Raises:
            VsdkitError: The report's first failure, when all of it is printed; or that stdout
                does not take it.
        """
        if not (report.follows_results and self._quiet):
            with self._open(sys.stderr if report.follows_results else self._results):
                if self._as_json:
                    _print_json(report.to_dict())
                else:
                    _print_tables(report.tables(), report.notes())
        for failure in report.failures:
            raise failure

    def show_text(self, text: str, data: Mapping[str, Any]) -> None:
        """Print a text to stdout in UTF-8, or with ``--json`` what it says as one document.

        Raises:
            VsdkitError: If stdout does not take it.
        """
        with self._open(self._results):
            if self._as_json:
                _print_json(data)
            else:
                _print_bytes(text.encode())

    def put(self, content: bytes | str) -> bool:
        """Write a piece of a result to stdout at once; False once its reader has gone away.

        Args:
            content: Bytes as they are, or a text in the terminal's own characters.

        Raises:
            VsdkitError: If stdout does not take it.
        """
        before = sys.stdout
        try:
            with self._open(self._results):
                if isinstance(content, bytes):
                    _print_bytes(content)
                else:
                    self._results.write(content)
        except VsdkitError as error:
            # A terminal that was closed, or a pipe that nobody guards.
            if isinstance(error.__cause__, BrokenPipeError):
                return False
            raise
        finally:
            # What libraries print between two pieces is a message, as it was before.
            sys.stdout = before
        return not was_abandoned(self._results)

    @contextmanager
    def _open(self, stream: TextIO) -> Iterator[None]:
        sys.stdout = stream
        try:
            yield
            sys.stdout.flush()
        except OSError as error:
            raise VsdkitError(
                f"the result cannot be printed: {error.strerror or error}", where="stdout"
            ) from error
        finally:
            sys.stdout = self._results

    @contextmanager
    def track(self, description: str, *, total: int | None) -> Iterator[_Bar]:
        """Show a bar on stderr; none without a terminal, with ``--json`` or ``--quiet``."""
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[facts]}"),
            console=_console(sys.stderr),
            disable=not self.shows_bars,
            transient=False,
        )
        with progress:
            task = progress.add_task(description, total=total, facts="", rate="")
            yield _Bar(progress, task)


class _Bar:
    """A tracker that moves a bar of rich."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, steps: int = 1, **facts: Any) -> None:
        """Move the bar and show the facts behind it."""
        fields: dict[str, Any] = {}
        speed = self._progress.tasks[self._task].speed
        if speed:
            fields["rate"] = f"{speed:,.1f}/s"
        if facts:
            fields["facts"] = "  ".join(f"{name} {_cell(value)}" for name, value in facts.items())
        self._progress.update(self._task, advance=steps, **fields)


def print_error(error: VsdkitError) -> None:
    """Print what happened, where, and what to do, to stderr."""
    print(f"error: {error}", file=sys.stderr, flush=True)  # noqa: T201


def _print_tables(tables: Sequence[Table], notes: Sequence[str]) -> None:
    from rich.text import Text

    console = _console(sys.stdout)
    for number, table in enumerate(tables):
        if number:
            console.print()
        _print_table(console, table)
        if not number:
            for note in notes:
                console.print(Text(printable(note)))


def _print_table(console: Console, table: Table) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable
    from rich.text import Text

    if table.title:
        # A title of rich's would be folded to the width of the table.
        console.print(Text(table.title))
    columns = table.columns
    cells = [[_cell(value) for value in row] for row in table.rows]
    widths = [_longest_word((name, *(row[n] for row in cells))) for n, name in enumerate(columns)]
    if sum(widths) + _BETWEEN_COLUMNS * (len(columns) - 1) > console.width:
        _print_blocks(console, columns, cells)
        return
    shown = RichTable(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for number, (column, width) in enumerate(zip(columns, widths, strict=True)):
        numbers = number > 0 and all(_NUMBER.fullmatch(line[number]) for line in cells)
        justify: Literal["left", "right"] = "right" if numbers else "left"
        shown.add_column(column, justify=justify, overflow="fold", min_width=width)
    for line in cells:
        shown.add_row(*map(Text, line))
    console.print(shown)


def _print_blocks(console: Console, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """Print each row as lines of name and value: in a table, words and numbers would be cut."""
    from rich.rule import Rule
    from rich.table import Table
    from rich.text import Text

    for line in cells:
        console.print(Rule(style="none"))
        block = Table.grid(padding=(0, 2))
        block.add_column(no_wrap=True)
        block.add_column(overflow="fold")
        for name, value in zip(columns, line, strict=True):
            block.add_row(Text(name), Text(value))
        console.print(block)


def _longest_word(texts: Sequence[str]) -> int:
    longest = max((len(word) for text in texts for word in text.split()), default=0)
    return min(longest, _LONGEST_WHOLE)


def _console(stream: Any) -> Console:
    from rich.console import Console

    return Console(
        file=stream, width=None if stream.isatty() else _PIPE_WIDTH, highlight=False, markup=False
    )


def _print_json(data: Mapping[str, Any]) -> None:
    from vsdkit.data.jsonl import dump_document

    # JSON is UTF-8, whatever the terminal's characters are.
    _print_bytes(dump_document(data).encode())


def _print_bytes(content: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(content)


def _cell(value: object) -> str:
    if value is None:
        return "n/a"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4f}"
    return printable(str(value))
