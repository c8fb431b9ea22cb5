"""Values of JSON text: what is no JSON is refused by its name, and no key is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsdkit.data.json_text import decode_text, parse_json, refuse_packed
from vsdkit.errors import DataError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(VALUES, st.sampled_from([(", ", ": "), (",", ":"), (" ,\n", "\t : ")]))
def test_what_json_writes_is_read(value: object, separators: tuple[str, str]) -> None:
    assert parse_json(json.dumps(value, separators=separators)) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 1}',
        '{"a":1,"b":{"c":[{"k":"\\": x","k":2}]}}',
        # What could make up for the key that is lost: blanks before colons, and an escaped quote.
        '{"b" : 1, "a": 1, "a": 2}',
        '{"\\u0022:": 1, "a": 1, "a": 2}',
        '{"a": "\\ud83d", "a": 2}',
        '{"a": 1, "\\u0061": 2}',
    ],
)
def test_a_key_that_stands_twice_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"the key '[ak]' stands twice in one object"):
        parse_json(text)


def test_keys_that_are_one_after_their_halves_are_replaced() -> None:
    with pytest.raises(ValueError, match="the key '\ufffd' stands twice"):
        parse_json('{"\\ud83d": 1, "\\ud83e": 2}')


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_lacks_are_named_with_their_field(constant: str) -> None:
    text = f'[{{"say": "NaN: \\"x", "é": [1, {constant}]}}]'
    with pytest.raises(ValueError, match=rf"^{constant} is no JSON, field 'é': line 1") as caught:
        parse_json(text)
    # Of -Infinity the sign is read before the fault is seen.
    assert text[: caught.value.pos].rstrip("-").endswith("[1, ")  # type: ignore[attr-defined]
    # In a text the word is a word, and the fault is another.
    with pytest.raises(ValueError, match="it is cut off"):
        parse_json('{"a": "NaN"')


def test_the_entry_of_a_list_is_told_where_the_fault_has_no_place_of_its_own() -> None:
    text = '[{"a": 1}, {"b": "\\ud83d"}, {"a": 1, "a": 2}]'
    with pytest.raises(ValueError, match="stands twice") as caught:
        parse_json(text)
    assert text[caught.value.pos :].startswith('{"a": 1, "a"')  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", ["1e999", "-" + "9" * 400, "9" * 5_000])
@pytest.mark.parametrize("beside", ["", ', "\\ud83d"'])
def test_numbers_beyond_any_float_are_refused(number: str, beside: str) -> None:
    with pytest.raises(ValueError, match=r"infinity when parsed|is too large"):
        parse_json(f"[{number}{beside}]")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[None]", "None is Python's and no JSON"),
        ("[1, nan]", "nan is Python's and no JSON"),
        ("['a']", "single quotes"),
        ('["\\ud83d"],', "a comma behind the end"),
        ("", "it is cut off"),
        ("[" * 5_000, "depth limit"),
        ('{"a":' + "[" * 990 + "]" * 990 + "}", "too many brackets"),
        ('["\\ud83d", ' + "[" * 100_000, "too many brackets"),
        ('["\\ud83d", ' + "[" * 700 + "]" * 701, "too many brackets"),
    ],
)
def test_what_other_programs_write_is_told(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_json(text)


def test_encoded_halves_are_replaced_and_other_bytes_are_not() -> None:
    assert decode_text(b"a \xed\xa0\xbd") == "a \ufffd"
    with pytest.raises(UnicodeDecodeError):
        decode_text(b"\xff")


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (b"\x1f\x8b\x08", "a gzip file"),
        (b"PK\x03\x04", "a zip archive"),
        (b"PAR1", "a Parquet file"),
        ("{}".encode("utf-16"), "UTF-16 text"),
        ("{}".encode("utf-16-be"), "UTF-16 text"),
    ],
)
def test_packed_files_and_other_encodings_are_told(start: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        refuse_packed(start, Path("rows"))
    refuse_packed(b"\xef\xbb\xbf{}", Path("rows"))
