"""The rules on made-up sentences: every rewrite passes the guards, or there is none."""

from __future__ import annotations

from itertools import product

import pytest

from vsdkit.data.relations import RELATIONS
from vsdkit.diversify.guards import Ask, refuse, stated_relations
from vsdkit.diversify.rules import RuleEngine
from vsdkit.wording import find_relations

SHAPES = (
    "there is a {s} {r} the {o}.",
    "a {s} is {r} a {o}.",
    "The {s} {r} the {o} looks nice",
    "{s} {r} {o}",
    "a large {s} is standing {r} a wooden {o} .",
)


def ask(sentence: str, subject: str = "lamp", object_: str = "crate", *others: str) -> Ask:
    stated = stated_relations([sentence], subject, object_)
    return Ask("1", sentence, subject, object_, stated, others)


def rewrite(one: Ask, seed: int = 0) -> str:
    ((_, text),) = RuleEngine(seed).rewrite([one], 0)
    return text


@pytest.mark.parametrize(("shape", "relation"), list(product(SHAPES, RELATIONS)))
def test_every_plain_sentence_is_rewritten_and_says_the_same(shape: str, relation: str) -> None:
    one = ask(shape.format(s="lamp", r=relation, o="crate"))
    text = rewrite(one)
    assert text
    assert refuse(one, text) is None
    assert any(relation in found.relations for found in find_relations(text, "lamp", "crate"))


def test_describing_words_are_kept() -> None:
    text = rewrite(ask("a large lamp is behind a wooden crate"))
    assert "wooden" in text
    assert "big" in text or "large" in text


def test_plural_and_quantity() -> None:
    text = rewrite(ask("there are many lamps next to a crate", "lamps"))
    assert "numerous lamps" in text
    assert " is numerous" not in text


def test_the_same_seed_gives_the_same_sentence_and_another_may_not() -> None:
    one = ask("there is a lamp under a crate")
    assert rewrite(one) == rewrite(one)
    assert len({rewrite(one, seed) for seed in range(8)}) > 1


def test_the_sentences_beside_it_are_kept_away_from() -> None:
    sentence = "there is a lamp behind a crate"
    free = rewrite(ask(sentence))
    assert free == rewrite(ask(sentence, "lamp", "crate", "something else"))
    beside = rewrite(ask(sentence, "lamp", "crate", free))
    assert beside
    assert beside != free


@pytest.mark.parametrize("sentence", ["a bulb behind a crate", "a lamp", "", "a lamp, a crate"])
def test_what_the_rules_do_not_understand_they_leave(sentence: str) -> None:
    one = Ask("1", sentence, "lamp", "crate", frozenset({"behind"}), ())
    assert rewrite(one) == ""


def test_articles_before_vowels() -> None:
    text = rewrite(ask("a umbrella on a elephant", "umbrella", "elephant"))
    assert " a umbrella" not in f" {text}"
    assert " a elephant" not in text
