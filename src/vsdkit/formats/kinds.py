"""The known formats of predictions, and which of them a file has, from its content."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from vsdkit.data.json_text import parse_json
from vsdkit.errors import ConfigError, DataError
from vsdkit.formats import lines, llama_factory, llava, preds, submission
from vsdkit.formats.content import BYTES_LOOKED_AT
from vsdkit.formats.format import Format, Row

__all__ = ["FORMATS", "decide_format", "find_format"]

FORMATS: tuple[Format, ...] = (
    submission.FORMAT,
    llava.FORMAT,
    llama_factory.FORMAT,
    preds.FORMAT,
    lines.FORMAT,
)
"""A line that looks like several is the first one's; the last takes what is no JSON object."""

# No sentence begins so; a row that is damaged still does, behind blanks, a byte order mark, or the
# quote or comma that another program put before it.
_BEGINS_A_ROW = re.compile(rb"^(?:[^\S\n]|[\0,\"']|\xc2\xa0|\xef\xbb\xbf)*[\[{]", re.MULTILINE)
_COLUMNS = {
    *(b"id", b"img_id", b"question_id", b"image", b"task", b"prediction", b"raw", b"text"),
    *(b"answer", b"predict", b"label", b"subject", b"object"),
}
"""Names of columns: the fields of the known forms, and what people call the same."""
_LIST_OF_OBJECTS = re.compile(rb"\s*\[\s*\{")
_LINES_LOOKED_AT = 1_000
"""Enough that a few damaged ones are outvoted; a file of the public split has 8,781 rows."""


def find_format(name: str) -> Format:
    """Return the format of a name.

    Raises:
        ConfigError: If there is none.
    """
    found = {one.name: one for one in FORMATS}
    if name not in found:
        raise ConfigError(f"unknown kind of predictions {name!r}; known: {', '.join(found)}")
    return found[name]


def decide_format(content: bytes, path: Path) -> Format:
    """Return the format of a file: the one that most of its lines look like.

    One damaged line makes no other format of a file, so that its error can name the line; and a
    file that holds damaged rows alone is no plain text.

    Args:
        content: The file's bytes.
        path: Where they were read, for messages.

    Raises:
        DataError: If the lines are JSON objects of no known form, the file is a JSON list or a
            table, or one line of what would be plain text begins as a JSON row does; it is named.
    """
    beginning = content[:BYTES_LOOKED_AT]
    looked_at = [line for line in content.split(b"\n", _LINES_LOOKED_AT) if line.strip()]
    votes = Counter(_vote(line, beginning) for line in looked_at[:_LINES_LOOKED_AT])
    last = FORMATS[-1]
    # A damaged row is plain text. Where as many lines are plain text as are rows, the file is one
    # of rows: nobody writes half of his sentences as JSON objects.
    found = max(votes, key=lambda one: (votes[one], one is not last), default=last)
    if found is last and _LIST_OF_OBJECTS.match(content):
        raise DataError(
            "a JSON list of no known form",
            where=f"{path}:1",
            hint="write one row a line, without brackets and commas around them (JSON Lines): "
            "docs/formats.md",
        )
    if found is last and (begin := _BEGINS_A_ROW.search(content)):
        raise _damaged_row(content, begin.end() - 1, path)
    if found is last and looked_at and _is_header(looked_at[0]):
        raise DataError(
            "a table with a header, which is no known form of predictions",
            where=f"{path}:1",
            hint="write its rows as JSON Lines: docs/formats.md; if its first line is an answer: "
            "--kind lines",
        )
    if found is None:
        raise DataError(
            "JSON objects of no known form",
            where=f"{path}:1",
            hint="rows need id, task, prediction; or question_id, text; or predict: "
            "docs/formats.md",
        )
    return found


def _is_header(line: bytes) -> bool:
    """Say whether a line names the columns of a table, as no answer does."""
    cells = [cell.strip(b" \t\r\"'\xef\xbb\xbf").lower() for cell in re.split(rb"[,;\t|]", line)]
    return len(cells) > 1 and len(_COLUMNS.intersection(cells)) > 1


def _vote(line: bytes, beginning: bytes) -> Format | None:
    """Return the format that a line looks like; None for a JSON object of no known form."""
    row = _json_object(line)
    return next((one for one in FORMATS if one.recognise(row, beginning)), None)


def _damaged_row(content: bytes, at: int, path: Path) -> DataError:
    number = content[:at].count(b"\n") + 1
    line = content.split(b"\n", number)[number - 1]
    try:
        parse_json(line)
        found = "a JSON row among lines of plain text"
    except ValueError as error:
        found = f"a damaged JSON row: {getattr(error, 'msg', error)}"
    return DataError(
        found,
        where=f"{path}:{number}",
        hint="repair the row; if its sentence does begin with a bracket: --kind lines",
    )


def _json_object(line: bytes) -> Row | None:
    try:
        value = parse_json(line.decode())
    except ValueError:
        # Not JSON, or not even UTF-8.
        return None
    return value if isinstance(value, dict) else None
