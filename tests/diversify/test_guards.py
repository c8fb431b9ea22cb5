"""Which rewrites are taken, and why not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsdkit.diversify.guards import Ask, refuse, shared_pairs, stated_relations


def ask(sentence: str, subject: str = "lamp", object_: str = "crate") -> Ask:
    stated = stated_relations([sentence], subject, object_)
    return Ask("1", sentence, subject, object_, stated, ())


@pytest.mark.parametrize(
    "reply",
    [
        "A crate stands behind a lamp.",
        "Behind the lamp you can see the crate.",
        "the lamp blocks nothing; the crate sits behind it",
        "Ahead of one crate stands a lamp",
    ],
)
def test_rewrites_that_are_taken(reply: str) -> None:
    assert refuse(ask("there is a lamp in front of a crate."), reply) is None


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", "no sentence"),
        ("?!", "no sentence"),
        ("A crate is behind a bulb.", "lost object"),
        ("A box is behind a lamp.", "lost object"),
        ("A lamp and a crate are seen.", "lost relation"),
        ("A crate is in front of a lamp.", "lost relation"),
        ("A lamp stands beside a crate.", "lost relation"),
        ("here, there is a crate behind that lamp", "kept words"),
        ("there is a lamp in front of a crate.", "kept words"),
        ("one lamp: in front of a crate.", "kept words"),
    ],
)
def test_rewrites_that_are_not(reply: str, reason: str) -> None:
    assert refuse(ask("there is a lamp in front of a crate."), reply) == reason


def test_words_inside_a_tag_its_article_and_the_relation_may_stay() -> None:
    one = ask("the old street lamp is in front of the crate", "street lamp", "crate")
    assert shared_pairs(one, "you see the street lamp in front of the crate") == {("of", "the")}
    assert shared_pairs(one, "The street lamp stands in front of a crate") == set()
    assert shared_pairs(one, "an old street lamp in front of a crate") == {("old", "street")}


def test_case_and_punctuation_do_not_hide_a_pair() -> None:
    one = ask("There is: a lamp on a crate")
    assert shared_pairs(one, "there, IS") == {("there", "is")}


def test_the_relation_is_taken_from_the_sentence_before_its_neighbours() -> None:
    first = "lamp behind crate."
    assert stated_relations(["a lamp on a crate", first], "lamp", "crate") == {"on"}
    assert stated_relations(["a lamp, a crate", first], "lamp", "crate") == {"behind"}
    assert stated_relations(["a lamp", "nothing"], "lamp", "crate") == frozenset()


@given(st.text(max_size=60))
def test_the_original_is_never_its_own_rewrite(text: str) -> None:
    original = f"there is a lamp behind the crate {text}"
    assert refuse(ask(original), original) is not None
