"""The rules on made-up sentences: every rewrite passes the guards, or there is none."""

from __future__ import annotations

import os
import subprocess
import sys
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
    stated = stated_relations([sentence, *others], subject, object_)
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


def test_where_it_states_no_relation_the_neighbours_is_told_with_its_own_look() -> None:
    text = rewrite(ask("many mountains at dusk", "mountains", "street", "mountains behind street."))
    assert "numerous mountains" in text
    assert "behind the street" in text or "behind that street" in text


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("a lamp is standing behind a crate", "stands behind the crate"),
        ("a lamp stands behind a crate", "standing behind the crate"),
        ("behind a crate sits a lamp", "sit"),
        ("a lamp that is hanging behind a crate", "hangs behind the crate"),
    ],
)
def test_what_the_placed_one_does_is_kept_in_another_form(sentence: str, kept: str) -> None:
    assert kept in rewrite(ask(sentence))


def test_what_another_thing_does_is_not_told_of_the_placed_one() -> None:
    assert "sit" not in rewrite(ask("a lamp with a cat sitting behind a crate"))


def test_the_look_of_the_ground_is_told_in_a_statement_of_its_own() -> None:
    text = rewrite(ask("a lamp is behind a white crate"))
    assert text.count("crate") == 2
    assert "crate is white, and" in text


def test_both_of_two_colours_are_told() -> None:
    text = rewrite(ask("there is a black and white lamp behind a crate"))
    assert "black" in text
    assert "white" in text


def test_another_is_the_other() -> None:
    assert "the other lamp" in rewrite(ask("a crate is behind another lamp", "crate", "lamp"))


def test_four_words_in_a_row_of_its_neighbours_are_avoided() -> None:
    others = ("lamp to the left of crate.", "The lamp is to the left of the crate.")
    text = rewrite(ask("there is a lamp to the left of a crate", "lamp", "crate", *others))
    assert text
    assert "to the left of" not in text


def test_the_choice_does_not_depend_on_the_order_of_sets() -> None:
    code = (
        "from vsdkit.diversify.guards import Ask\n"
        "from vsdkit.diversify.rules import RuleEngine\n"
        "one = Ask('1', 'a large white lamp behind a wooden crate', 'lamp', 'crate',"
        " frozenset({'behind'}), ())\n"
        "print(list(RuleEngine().rewrite([one], 0)))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1


def test_articles_before_vowels() -> None:
    text = rewrite(ask("a umbrella on a elephant", "umbrella", "elephant"))
    assert " a umbrella" not in f" {text}"
    assert " a elephant" not in text
