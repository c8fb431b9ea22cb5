"""Make text of bytes and values of JSON text; what is wrong with either is said by its name."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from vsdkit.errors import DataError

__all__ = ["decode_text", "parse_json", "refuse_packed"]

_PACKED: Final = {
    b"\x1f\x8b": "a gzip file",
    b"PK\x03\x04": "a zip archive",
    b"\xfd7zXZ": "an xz file",
    b"(\xb5/\xfd": "a Zstandard file",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
}
"""Magic numbers: RFC 1952; PKWARE's APPNOTE, 4.3.7; xz's format, 2.1.1.1; RFC 8878; "File format"
of Parquet and of Arrow's IPC."""

# JSON writes a character beyond U+FFFF as two halves, \ud800-\udbff and \udc00-\udfff.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

_BLANK_BEFORE_COLON = re.compile(r'"[ \t\n\r]+:')

# A text with its escapes, and the colon that makes a key of it; or a number that JSON lacks.
_KEY_OR_CONSTANT = re.compile(
    r'"(?P<text>(?:[^"\\]|\\.)*)"\s*(?P<colon>:?)|(?P<constant>-?\b(?:NaN|Infinity)\b)'
)
# The bracket that opens a list, or the comma between two entries.
_BETWEEN_ENTRIES = re.compile(r"[ \t\n\r]*(?:[\[,][ \t\n\r]*)?")

_TOO_DEEP = "too many brackets inside brackets"

_SHOWN_CHARACTERS = 40
"""Longest key or number that a message shows whole."""


def parse_json(text: str | bytes) -> Any:
    r"""Return the value of a JSON text, half characters in it replaced by U+FFFD.

    Half of a surrogate pair (as ``\ud83d`` alone, left by cutting an emoji in two) is no
    character and could not be written again; one such sentence must not cost the whole file.

    Raises:
        ValueError: If it is not JSON (NaN and Infinity are named, and so is what other programs
            write in JSON's place), or an object has a key twice; ``pos`` tells where, if known.
    """
    if isinstance(text, bytes):
        text = decode_text(text)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        # orjson refuses half a pair, which json lets through. json is slower, so it is asked only
        # where a half may be the reason.
        if not _SURROGATE.search(text):
            raise _explain(text, error) from None
        try:
            return _replace_halves(_parse_slowly(text))
        except json.JSONDecodeError as found:
            raise _explain(text, found) from None
        except RecursionError:
            raise ValueError(_TOO_DEEP) from None
    if _may_repeat_a_key(text, value):
        _parse_slowly(text)
    return value


def decode_text(content: bytes) -> str:
    """Return UTF-8 bytes as text, encoded halves of a surrogate pair replaced by U+FFFD.

    Raises:
        UnicodeDecodeError: If the bytes are not UTF-8 otherwise.
    """
    try:
        return content.decode()
    except UnicodeDecodeError:
        # The bytes of a half are no UTF-8; "surrogatepass" takes them and nothing else.
        return _whole_characters(content.decode("utf-8", "surrogatepass"))


def refuse_packed(start: bytes, path: Path) -> None:
    """Raise if a file is packed or UTF-16, and not UTF-8 text.

    Args:
        start: Its first bytes, six at least where it has so many.
        path: The file, for the message.

    Raises:
        DataError: If it is; what it is and how to convert it are told.
    """
    for magic, name in _PACKED.items():
        if start.startswith(magic):
            raise DataError(f"{name}, expected text", where=str(path), hint="unpack or convert it")
    # All forms begin with an ASCII character: a zero beside it means 16 or 32 bits.
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in start[:2]:
        raise DataError(
            "UTF-16 text, expected UTF-8",
            where=f"{path}:1",
            hint=f"convert it: iconv -f UTF-16 -t UTF-8 {path}",
        )


def _may_repeat_a_key(text: str, value: Any) -> bool:
    """Say whether an object in a text may have a key twice, which orjson passes over.

    A key that is dropped takes its ``":`` along, so the value written again holds fewer of them.
    Two things could make up for it, blanks before a colon and an escaped quote: there the answer
    is yes. This costs a fifth of orjson's reading; ``json``, which shows each key, takes
    several times as long.

    Raises:
        ValueError: If brackets are too deep inside each other.
    """
    if "\\u0022" in text or _BLANK_BEFORE_COLON.search(text):
        return True
    try:
        return text.count('":') != orjson.dumps(value).count(b'":')
    except orjson.JSONEncodeError:
        # It writes 254 brackets inside each other at most, and reads 1,024: too many for whatever
        # goes down into them, a message that shows them included.
        raise ValueError(_TOO_DEEP) from None


def _parse_slowly(text: str) -> Any:
    try:
        return _SLOW.decode(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        # A hook does not know where it is.
        raise json.JSONDecodeError(str(error), text, _find_entry(text)) from None


def _find_entry(text: str) -> int:
    """Return where the entry of a list begins that cannot be read; 0 in anything but a list."""
    at = _BETWEEN_ENTRIES.match(text).end()  # type: ignore[union-attr]
    if "[" not in text[:at]:
        return 0
    while at < len(text):
        try:
            _, end = _SLOW.raw_decode(text, at)
        except ValueError:
            return at
        at = _BETWEEN_ENTRIES.match(text, end).end()  # type: ignore[union-attr]
    return 0


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {_shown(twice)} stands twice in one object")
    return found


def _number(text: str) -> Any:
    # As orjson reads them: json's integers may have more bits than can be written again.
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ValueError(f"the number {_shown(text)} is too large") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


_SLOW = json.JSONDecoder(
    parse_constant=_refuse_constant,
    parse_int=_number,
    parse_float=_number,
    object_pairs_hook=_unique,
)


def _explain(text: str, error: json.JSONDecodeError) -> ValueError:
    """Return the error with the reason that a person would give, where one is known."""
    constant = _find_constant(text, error.pos)
    rest = text[error.pos :].strip()
    # What stands before the fault tells a string in single quotes from an apostrophe.
    opens = text[: error.pos].rstrip()[-1:] in ("{", "[", ",", ":")
    if constant:
        message = constant
    elif rest.startswith("'") and opens:
        message = "single quotes, as Python prints its objects; JSON has double ones"
    elif opens and (literal := re.match(r"(?:None|True|False|nan|inf)\b", rest)):
        message = f"{literal[0]} is Python's and no JSON"
    elif rest == "," and _is_json(text[: error.pos]):
        message = "a comma behind the end"
    elif rest.startswith(("{", "[")) and _is_json(text[: error.pos]):
        message = "a second object behind the first"
    elif not rest:
        message = "it is cut off"
    else:
        return error
    return json.JSONDecodeError(message, text, error.pos)


def _find_constant(text: str, pos: int) -> str:
    """Return what to say of a NaN or Infinity that stands outside of texts up to a place."""
    key = ""
    for match in _KEY_OR_CONSTANT.finditer(text):
        if match["constant"]:
            # Of -Infinity the sign is read first.
            if match.start() <= pos <= match.end():
                field = f", field {_shown(key)}" if key else ""
                return f"{match['constant']} is no JSON{field}"
        elif match["colon"]:
            key = match["text"]
        if match.start() > pos:
            break
    return ""


def _is_json(text: str) -> bool:
    try:
        _SLOW.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def _shown(key: str) -> str:
    return repr(key if len(key) <= _SHOWN_CHARACTERS else f"{key[: _SHOWN_CHARACTERS - 3]}...")


def _whole_characters(text: str) -> str:
    # In UTF-16 two halves that stand together are one character; what is left alone is replaced.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _replace_halves(value: Any) -> Any:
    if isinstance(value, str):
        return _whole_characters(value)
    if isinstance(value, list):
        return [_replace_halves(entry) for entry in value]
    if isinstance(value, dict):
        return _unique(
            [(_replace_halves(key), _replace_halves(entry)) for key, entry in value.items()]
        )
    return value
