"""``vsdkit infer - --output -``: a line in, a line out, in order and as soon as it is there."""

from __future__ import annotations

import json
import os
import time
from array import array
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vsdkit.data.images import ImageFolders, open_given
from vsdkit.data.items import parse_item
from vsdkit.data.json_text import parse_json
from vsdkit.data.jsonl import dump_line
from vsdkit.errors import DataError, VsdkitError
from vsdkit.infer.interrupts import stoppable
from vsdkit.infer.lines import LONGEST_LINE, Line, Lines
from vsdkit.reporting import Report, Table

if TYPE_CHECKING:
    from vsdkit.data.records import GoldRow
    from vsdkit.infer.describe import Describer, Description

__all__ = ["StreamReport", "answer_stream"]

_MOST_AT_ONCE: Final = 8
"""Lines about one image that are answered together: the image is then a small part of the work."""
_PERCENTILES: Final = (50, 90, 99)
"""Percentiles of the latency that are told."""
_BOM: Final = "\N{BYTE ORDER MARK}".encode()
_HINT: Final = 'a line is one item: {"image": "1.jpg", "subject": "dog", "object": "sofa"}'


@dataclass(frozen=True, slots=True)
class StreamReport(Report):
    """How many lines were answered, and how long each took."""

    lines: int
    """Lines that were answered, empty ones not counted."""
    errors: int
    """Of them those that were answered with an error."""
    seconds: float
    """From the first line to the last answer, waiting for lines included."""
    latency: dict[str, float] | None
    """Percentile (``p50``) to the seconds from a line's turn to having written its answer; None
    without an answer. How long a line waited before its turn, in the pipe, nobody can tell."""
    first_error: str | None
    """The first line that was answered with an error, and the error."""

    follows_results = True

    def to_dict(self) -> dict[str, Any]:
        """Return the report as ``--json`` prints it to stderr."""
        return asdict(self)

    def tables(self) -> list[Table]:
        """Return one row of counts and seconds."""
        latency = self.latency or {}
        columns = ("lines", "errors", "seconds", *(f"{name} (s)" for name in latency))
        return [Table(columns, [(self.lines, self.errors, self.seconds, *latency.values())])]

    @property
    def failures(self) -> Sequence[VsdkitError]:
        """That some lines got no answer."""
        if not self.errors:
            return ()
        return (
            DataError(
                f"{self.errors:,} of {self.lines:,} lines were answered with an error",
                where=self.first_error or "",
            ),
        )


class _Asked(NamedTuple):
    """A line that was taken."""

    number: int
    """Of the line."""
    began: float
    """When its turn came: it was taken, and those before it were answered."""
    item: Sequence[GoldRow]
    """Its rows; none where it cannot be read."""
    id: str | None
    """As the line has it."""
    error: VsdkitError | None
    """Why it cannot be read."""

    @property
    def image(self) -> str | None:
        """Name of the image; None where the line cannot be read."""
        return self.item[0].image if self.item else None


def answer_stream(
    describer: Describer,
    lines: Lines,
    put: Callable[[bytes], bool],
    *,
    images: Sequence[Path],
) -> StreamReport:
    """Answer each line with a line, until the stream ends, nobody reads any more, or Ctrl-C.

    Lines about one image that are waiting already are answered together, the image read once; no
    line is waited for. Empty lines are passed over.

    Args:
        describer: Who answers.
        lines: Of JSON objects with the fields of an item.
        put: Writes a line at once; False once nobody reads any more.
        images: Folders of images whose names are no absolute paths.
    """
    stream = _Stream(describer, put, _Finder(images))
    # Ctrl-C is the way to end a stream that has no end: what is answered is written already.
    with suppress(KeyboardInterrupt):
        stream.run(lines)
    return stream.report()


@dataclass
class _Stream:
    """Answers lines, and counts."""

    describer: Describer
    put: Callable[[bytes], bool]
    finder: _Finder
    count: int = 0
    errors: int = 0
    first_error: str | None = None
    began: float | None = None
    ended: float = 0
    latencies: array[float] = field(default_factory=lambda: array("d"))

    def run(self, lines: Lines) -> None:
        """Answer line after line, until there is none or nobody reads the answers."""
        following = self._next(lines.take)
        while following is not None:
            group = [following]
            following = None
            while group[0].image is not None and len(group) < _MOST_AT_ONCE:
                further = self._next(lines.take_waiting)
                if further is None:
                    break
                if further.image != group[0].image:
                    following = further
                    break
                group.append(further)
            if not self._answer(group):
                return
            if following is not None:
                # It waited while others were answered, as it would have in the pipe.
                following = following._replace(began=time.perf_counter())
            following = following or self._next(lines.take)

    def report(self) -> StreamReport:
        """Return what was counted."""
        ordered = sorted(self.latencies)
        return StreamReport(
            lines=self.count,
            errors=self.errors,
            seconds=0.0 if self.began is None else round(self.ended - self.began, 3),
            # By nearest rank: a time that a line did take.
            latency={
                f"p{share}": round(ordered[ceil(share / 100 * len(ordered)) - 1], 4)
                for share in _PERCENTILES
            }
            if ordered
            else None,
            first_error=self.first_error,
        )

    def _next(self, take: Callable[[], Line | None]) -> _Asked | None:
        while (line := take()) is not None:
            began = time.perf_counter()
            if self.began is None:
                self.began = self.ended = began
            content = line.content.removeprefix(_BOM) if line.number == 1 else line.content
            if content.strip() or line.is_too_long:
                return self._parse(line._replace(content=content), began)
        return None

    def _parse(self, line: Line, began: float) -> _Asked:
        row: dict[str, Any] = {}
        try:
            row = _read_object(line)
            item = parse_item(row, tasks=self.describer.tasks)
            if item[0].task not in self.describer.tasks:
                told = ",".join(map(str, self.describer.tasks))
                raise DataError(f"task {item[0].task} is not among those that are asked: {told}")
        except DataError as error:
            name = row.get("id")
            return _Asked(line.number, began, (), name if isinstance(name, str) else None, error)
        return _Asked(line.number, began, item, row.get("id"), None)

    def _answer(self, group: Sequence[_Asked]) -> bool:
        """Write the answers to lines about one image; False if nobody wants more."""
        for asked, answer in zip(group, self._describe(group), strict=True):
            content: dict[str, Any] = {"line": asked.number, "id": asked.id}
            if isinstance(answer, VsdkitError):
                content["error"] = answer.one_line()
                self.errors += 1
                self.first_error = self.first_error or f"line {asked.number}: {content['error']}"
            else:
                content |= answer.to_dict()
            with stoppable() as is_stopped:
                is_read = self.put(dump_line(content).encode())
                self.count += 1
                self.ended = time.perf_counter()
                if not isinstance(answer, VsdkitError):
                    self.latencies.append(self.ended - asked.began)
            if is_stopped() or not is_read:
                return False
        return True

    def _describe(self, group: Sequence[_Asked]) -> Sequence[Description | VsdkitError]:
        first = group[0]
        if first.error is not None:
            return [first.error]
        try:
            image = open_given(self.finder.find(first.item[0].image))
            return self.describer.describe_items(image, [asked.item for asked in group])
        except VsdkitError as error:
            if len(group) == 1:
                return [error]
        # What is wrong with one line must not cost the others their answers.
        return [answer for asked in group for answer in self._describe([asked])]


class _Finder:
    """Finds images by name, those too that are put into a folder while the stream goes on."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._index: ImageFolders | None = None

    def find(self, name: str) -> Path:
        """Return the file of an image.

        Raises:
            MissingInputError: If there is none, or no such folder.
            DataError: If the name stands for several.
        """
        path = Path(name)
        if path.is_absolute():
            return path
        for folder in self._folders:
            if ".." not in path.parts and os.path.isfile(folder / path):
                return folder / path
        if self._index is None or self._index.find_all([name]).missing:
            self._index = ImageFolders(self._folders)
        found = self._index.find_all([name])
        found.require()
        return found.paths[name]


def _read_object(line: Line) -> dict[str, Any]:
    if line.is_too_long:
        raise DataError(f"a line of more than {LONGEST_LINE:,} bytes", hint=_HINT)
    try:
        value = parse_json(line.content)
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 text: {error.reason} at byte {error.start:,}") from error
    except ValueError as error:
        column = f" (column {error.colno:,})" if isinstance(error, json.JSONDecodeError) else ""
        reason = getattr(error, "msg", str(error))
        raise DataError(f"not a JSON object: {reason}{column}", hint=_HINT) from error
    if not isinstance(value, dict):
        raise DataError("not a JSON object", hint=_HINT)
    return value
