"""What the rules understand of a sentence."""

from __future__ import annotations

import pytest

from vsdkit.diversify.guards import Ask, stated_relations
from vsdkit.diversify.reading import Said, read_ask


def read(sentence: str, *others: str) -> Said | None:
    stated = stated_relations([sentence, *others], "lamp", "crate")
    return read_ask(Ask("1", sentence, "lamp", "crate", stated, others))


@pytest.mark.parametrize(
    ("sentence", "figure", "ground", "relation", "wording", "action"),
    [
        ("a lamp stands behind the crate", "lamp", "crate", "behind", "behind", "standing"),
        ("near a crate is a lamp", "lamp", "crate", "next to", "near", ""),
        ("the crate is under a lamp", "crate", "lamp", "under", "under", ""),
        ("the crate contains a lamp", "lamp", "crate", "in", "", ""),
        ("a lamp with cats sitting on a crate", "lamp", "crate", "on", "on", ""),
    ],
)
def test_who_is_placed_by_whom_and_how(
    sentence: str, figure: str, ground: str, relation: str, wording: str, action: str
) -> None:
    said = read(sentence)
    assert said is not None
    assert (said.figure.text, said.ground.text) == (figure, ground)
    assert (said.relation, said.wording, said.action) == (relation, wording, action)


@pytest.mark.parametrize(
    ("sentence", "determiner", "look"),
    [
        ("two large white lamps on a crate", "two", ("large", "white")),
        ("a lamp that is wet and clean on a crate", "a", ("wet", "clean")),
        ("his black and white lamp is on a crate", "his", ("black", "white")),
        ("a man holding white lamps on a crate", "", ("white",)),
        ("white and lamps on a crate", "", ()),
    ],
)
def test_what_belongs_to_a_noun(sentence: str, determiner: str, look: tuple[str, ...]) -> None:
    said = read(sentence)
    assert said is not None
    assert (said.figure.determiner, said.figure.describing) == (determiner, look)
    assert said.figure.plural == ("lamps" in sentence)


def test_a_neighbour_gives_the_relation_and_the_noun_that_is_missing() -> None:
    said = read("some white lamps at night", "lamp behind crate.", "lamp under crate")
    assert said is not None
    assert (said.figure.text, said.figure.describing) == ("lamps", ("white",))
    assert (said.ground.text, said.relation) == ("crate", "behind")


def test_where_nobody_states_a_relation_there_is_nothing() -> None:
    assert read("a lamp and a crate", "x", "y") is None
