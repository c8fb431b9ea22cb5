"""YAML of names and values, and what is refused in it."""

from __future__ import annotations

import pytest

from vsdkit.data.yaml_text import parse_mapping


def test_an_empty_text_has_no_names() -> None:
    assert parse_mapping("# nothing but a comment") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 1\ntasks: [1]\nseed: 2\n", "'seed' is there twice.*line 3"),
        ("grid:\n  a: 1\n  a: 2\n", "'a' is there twice.*line 3"),
        ("[1, 2]", "expected names and values, got a list"),
        ("just words", "expected names and values, got a str"),
        ("a: [", "not YAML"),
        ("day: 2026-99-99", "not YAML"),
        ("a: !!int", "not YAML"),
        ("[" * 3000, "not YAML"),
        ("a: !!python/object/apply:os.system [ls]", "not YAML"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_mapping(text)


def test_a_merged_name_may_be_given_again() -> None:
    text = "base: &base {rank: 8, seed: 1}\nrun: {<<: *base, rank: 4}\n"
    assert parse_mapping(text)["run"] == {"rank": 4, "seed": 1}
