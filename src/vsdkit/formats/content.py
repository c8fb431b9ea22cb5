"""Read a file's bytes, lines or JSON list, each error with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vsdkit.data.json_text import decode_text, refuse_packed
from vsdkit.data.vsd_json import parse_entries
from vsdkit.errors import DataError, MissingInputError

__all__ = ["BYTES_LOOKED_AT", "names_key", "read_content", "read_document", "split_lines"]

BYTES_LOOKED_AT = 65_536
"""From a file's start, to tell what it is: a key that all entries have stands in the first one."""


def read_content(path: Path) -> bytes:
    """Return the bytes of a text file, without a byte order mark.

    Raises:
        MissingInputError: If the file is not there or cannot be opened, or is a pipe.
        DataError: If it is empty, UTF-16 or no text at all.
    """
    try:
        if path.exists() and not path.is_file():
            raise MissingInputError(
                "a folder" if path.is_dir() else "a pipe or device; it is read more than once",
                where=str(path),
                hint="name a file; what comes through a pipe goes to a file first",
            )
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise MissingInputError("no such file", where=str(path)) from error
    except OSError as error:
        raise MissingInputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    refuse_packed(content, path)
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content:
        raise DataError("the file is empty", where=str(path))
    return content


def names_key(content: bytes, key: str) -> bool:
    """Say whether a key of JSON stands in the first part of a file."""
    return f'"{key}"'.encode() in content[:BYTES_LOOKED_AT]


def split_lines(content: bytes, path: Path) -> list[str]:
    r"""Return the lines of a text: only ``\n``, or ``\r\n``, ends one.

    Other characters that end a line for some programs (U+2028, a form feed) may stand inside a
    sentence; to end a line there would shift every row below.

    Raises:
        DataError: If a line is not UTF-8; it is named.
    """
    parts = content.split(b"\n")
    if not parts[-1]:
        parts.pop()
    lines: list[str] = []
    for number, part in enumerate(parts, start=1):
        try:
            lines.append(decode_text(part.removesuffix(b"\r")))
        except UnicodeDecodeError as error:
            raise DataError(
                "not UTF-8 text", where=f"{path}:{number}", hint="save the file as UTF-8"
            ) from error
    return lines


def read_document(path: Path) -> list[Any]:
    """Return the list in a JSON file whose entries are named by ``img_id``.

    Raises:
        MissingInputError: If the file is not there.
        DataError: If it is not a JSON list; the last ``img_id`` before the fault is named.
    """
    content = read_content(path)
    document = parse_entries(content, path, hint="write the file again as one JSON list")
    if not isinstance(document, list):
        raise DataError("expected a JSON list of pictures", where=str(path))
    return document
