"""What sentences state. The sentences are made up for these tests; none is from the data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsdkit.data.relations import BY_LABEL, RELATIONS
from vsdkit.wording import (
    find_mentions,
    find_relations,
    head_word,
    is_plural,
    normalise,
    words,
)


def relations(sentence: str, subject: str, object_: str) -> set[str]:
    return {one for found in find_relations(sentence, subject, object_) for one in found.relations}


@pytest.mark.parametrize("relation", RELATIONS)
def test_every_wording_is_read_as_its_relation(relation: str) -> None:
    for wording in BY_LABEL[relation].wordings:
        for sentence in (
            f"A lamp is {wording} the crate.",
            f"{wording} the crate is a lamp",
            f"there are two old lamps standing {wording} crates",
            f"{wording} the big crate, you can see a lamp.",
        ):
            assert relation in relations(sentence, "lamp", "crate"), sentence


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("the crate is behind the lamp", "in front of"),
        ("in front of the lamp is a crate", "behind"),
        ("a crate to the left of a lamp", "to the right of"),
        ("On the far right side of the lamp there is a crate.", "to the left of"),
        ("a crate under the lamp", "above"),
        ("a crate under the lamp", "on"),
        ("the crate stands on the lamp", "under"),
        ("the crate is right beside the lamp", "next to"),
        ("the crate contains a lamp", "in"),
        ("a crate behind that lamp", "in front of"),
        ("a crate with a lamp in it", "in"),
        ("a crate with a lamp behind it", "behind"),
    ],
)
def test_the_other_side_is_understood(sentence: str, expected: str) -> None:
    assert expected in relations(sentence, "lamp", "crate")


@pytest.mark.parametrize(
    ("sentence", "never"),
    [
        ("the lamp is behind the crate", "in front of"),
        ("the lamp is in front of the crate", "in"),
        ("the lamp is in front of the crate", "on"),
        ("a lamp to the left of a crate", "to the right of"),
        ("the lamp on the left is behind the crate", "on"),
        ("the lamp on the left is behind the crate", "to the left of"),
        ("the lamp is above the crate", "under"),
        ("the lamp is in the crate", "on"),
    ],
)
def test_what_is_not_stated_is_not_found(sentence: str, never: str) -> None:
    assert never not in relations(sentence, "lamp", "crate")


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "a lamp",
        "a lamp and a crate",
        "the crate is there and the lamp is on",
        "a lamp on the table that has a crate",
        "a lamp is in the room. there is a crate",
        "behind them a lamp, a crate",
    ],
)
def test_sentences_that_state_nothing_of_the_two(sentence: str) -> None:
    assert find_relations(sentence, "lamp", "crate") == []


def test_the_nearest_wording_counts() -> None:
    sentence = "the lamp on the left of the room is under the crate"
    assert relations(sentence, "lamp", "crate") == {"under"}
    assert relations("a lamp in a box on a crate", "lamp", "crate") == {"on"}


def test_sides_and_bottoms_may_be_parts() -> None:
    assert relations("a sign on the side of the van", "sign", "van") == {"next to", "on"}
    assert relations("tiles on the bottom of the wall", "tiles", "wall") == {"under", "on"}
    assert relations("a bench by the side of the road", "bench", "road") == {"next to"}
    assert relations("a door at the bottom of the stairs", "door", "stairs") == {"under"}


def test_who_wears_what() -> None:
    assert "in" in relations("a man wearing a coat", "man", "coat")
    assert "on" in relations("a man wearing a hat", "hat", "man")


def test_a_wording_inside_a_tag_is_no_wording() -> None:
    assert relations("the sign above door is on the wall", "sign above door", "wall") == {"on"}


def test_two_of_the_same_name_are_understood_both_ways() -> None:
    assert relations("a car behind another car", "car", "car") == {"behind", "in front of"}


def test_a_turned_statement_says_so() -> None:
    text = normalise("Behind the crate stands a lamp.")
    (found,) = find_relations("Behind the crate stands a lamp.", "lamp", "crate")
    assert (found.turned, text[found.wording.start : found.wording.end]) == (False, "behind")
    (turned,) = find_relations("the crate is behind the lamp", "lamp", "crate")
    assert turned.turned


@pytest.mark.parametrize(
    ("tag", "text", "found"),
    [
        ("street light", "two street lights shine", ["street lights"]),
        ("street light", "a tall light", ["light"]),
        ("women", "one woman", ["woman"]),
        ("t.v.", "the t.v. is on", ["t.v"]),
        ("glass", "the glasses", ["glasses"]),
        ("pair of shoes", "a pair lies there", ["pair"]),
        ("cat", "concatenate cats", ["cats"]),
        ("cat", "a dog", []),
        ("", "a dog", []),
        ("...", "a dog", []),
    ],
)
def test_mentions(tag: str, text: str, found: list[str]) -> None:
    text = normalise(text)
    assert [text[start:end] for start, end in find_mentions(text, tag)] == found


def test_words_head_and_plural() -> None:
    assert words("A man\u2019s T-shirt: it is RED!") == (
        "a", "man", "'s", "t-shirt", "it", "is", "red",
    )  # fmt: skip
    assert head_word("woman in white") == "woman"
    assert head_word("") == ""
    assert is_plural("leaves")
    assert not is_plural("bus")


@given(st.text(max_size=80), st.text(max_size=20), st.text(max_size=20))
def test_any_text_is_read_without_an_error(sentence: str, subject: str, object_: str) -> None:
    for found in find_relations(sentence, subject, object_):
        assert set(found.relations) <= set(RELATIONS)
        assert found.relations
    text = normalise(sentence)
    assert normalise(text) == text
