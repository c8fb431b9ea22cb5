"""Pack a page's data into texts of scripts; ``assets/packed.js`` undoes it.

A page that is opened from a disk may load scripts and nothing else, so data are strings of scripts.
JSON becomes small in three steps, and each is undone in a few lines there:

- a word that comes again and again is a byte or two: gzip looks back 32 kB, and so sees three times
  as much of the text;
- gzip;
- seven bits a character. Base64 has six: its files are an eighth larger.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import orjson

__all__ = ["common_words", "pack", "to_json"]

_WORD = re.compile(r"[A-Za-z]{2,}")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_FEWEST = 3
"""A word that comes less often costs more in the list of words than it saves."""
# ASCII is as it is. The commonest words have the 64 bytes behind it, the next 16,384 have two.
_ONE_BYTE = [chr(first) for first in range(0x80, 0xC0)]
_TWO_BYTES = [chr(first) + chr(second) for first in range(0xC0, 0x100) for second in range(0x100)]
_CODES = (*_ONE_BYTE, *_TWO_BYTES)
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})


def to_json(value: Any) -> str:
    """Return a value as JSON in ASCII; what is no number is null."""
    try:
        text = orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        # Half a surrogate pair, or a number of more than 64 bits.
        return json.dumps(value, separators=(",", ":"))
    return _NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text)


def common_words(texts: Iterable[str]) -> list[str]:
    """Return the words that ``pack`` has codes for, the commonest first.

    Args:
        texts: All that will be packed.
    """
    counts = Counter(word for text in texts for word in _WORD.findall(text))
    # In the order of letters where the count is the same: the same data are the same bytes.
    words = sorted(counts, key=lambda word: (-counts[word], word))
    return [word for word in words[: len(_CODES)] if counts[word] >= _FEWEST]


def pack(text: str, words: Sequence[str] = ()) -> str:
    """Return the content of a string of JavaScript that holds a text of ``to_json``.

    Args:
        text: ASCII.
        words: Those of ``common_words``.
    """
    codes = dict(zip(words, _CODES, strict=False))
    coded = _WORD.sub(lambda found: codes.get(found[0], found[0]), text).encode("latin-1")
    bits = np.unpackbits(np.frombuffer(gzip.compress(coded, 9, mtime=0), np.uint8))
    sevens = np.pad(bits, (0, -len(bits) % 7)).reshape(-1, 7)
    # packbits pads at the right end.
    return (np.packbits(sevens, axis=1) >> 1).tobytes().decode("ascii").translate(_ESCAPES)
