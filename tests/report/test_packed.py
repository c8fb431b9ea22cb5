"""Data of a page in strings of scripts: nothing lost, nothing that ends the string."""

from __future__ import annotations

import gzip
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from vsdkit.report.packed import common_words, pack, to_json

JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text() | some.floats(-1e9, 1e9),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
)


def unpack(packed: str, words: list[str]) -> Any:
    """Read what ``pack`` wrote, as packed.js does."""
    # What JavaScript and Python escape in a string alike.
    text = packed.encode().decode("unicode_escape")
    bits = "".join(f"{ord(letter):07b}" for letter in text)
    whole = len(text) * 7 // 8
    coded = gzip.decompress(bytes(int(bits[8 * at : 8 * at + 8], 2) for at in range(whole)))
    parts = []
    codes = iter(coded)
    for code in codes:
        if code < 0x80:
            parts.append(chr(code))
        elif code < 0xC0:
            parts.append(words[code - 0x80])
        else:
            parts.append(words[64 + (code - 0xC0) * 256 + next(codes)])
    return json.loads("".join(parts))


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2.5, None, True]},
        '</script><script>alert(1)</script>\u2028\u2029\0\r\n"\\',
        "half \ud83d",
        "caf\u00e9 \U0001f600 nn nn nn \n\n\n",
        [10**30, -(10**25)],
        ("a", ["b"]),
        # More words than have one byte, and more than two bytes can name.
        [f"{chr(97 + one)}{chr(97 + other)}" for one in range(26) for other in range(26)] * 3,
    ],
)
def test_any_value_is_packed_and_back(value: Any) -> None:
    text = to_json(value)
    words = common_words([text])
    packed = pack(text, words)
    assert packed.isascii()
    assert "\n" not in packed
    assert "\r" not in packed
    assert unpack(packed, words) == json.loads(json.dumps(value))


@given(JSON)
def test_whatever_json_holds_comes_back(value: Any) -> None:
    text = to_json(value)
    words = common_words([text] * 3)
    assert unpack(pack(text, words), words) == json.loads(text)


def test_what_is_no_number_is_null() -> None:
    assert to_json([math.nan, 1.5]) == "[null,1.5]"


def test_words_are_those_that_come_often_the_commonest_first() -> None:
    assert common_words(["cup cup cup box box", "box box dog"]) == ["box", "cup"]


def test_words_make_it_smaller() -> None:
    text = to_json([f"the yellow kite {place} is flying above the barn" for place in range(99)])
    assert len(pack(text, common_words([text]))) < len(pack(text))


def test_the_same_data_are_the_same_bytes() -> None:
    text = to_json({"a": "bc" * 1000})
    assert pack(text) == pack(text)
