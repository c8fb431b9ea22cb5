"""The table of relations."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vsdkit.data.relations import BY_LABEL, RELATIONS, parse_relation, short_form
from vsdkit.errors import DataError

# The challenge page's list, in its order.
CHALLENGE = ["on", "in", "next", "under", "above", "behind", "in front of", "left", "right"]


def test_short_forms_are_the_challenge_pages() -> None:
    assert [short_form(relation) for relation in RELATIONS] == CHALLENGE
    assert short_form("none") == "none"


@pytest.mark.parametrize("relation", RELATIONS)
def test_long_and_short_forms_are_one_label(relation: str) -> None:
    assert BY_LABEL[relation].forms == tuple(dict.fromkeys([relation, short_form(relation)]))
    for form in BY_LABEL[relation].forms:
        assert parse_relation(form) == relation


def test_no_form_and_no_wording_stands_for_two_relations() -> None:
    for words in ("forms", "wordings"):
        said = [one for relation in BY_LABEL.values() for one in getattr(relation, words)]
        assert len(set(said)) == len(said)


def test_every_relation_has_wordings_and_a_converse_leads_back() -> None:
    for relation in BY_LABEL.values():
        assert relation.wordings
        for converse in relation.converses:
            assert relation.label in BY_LABEL[converse].converses


def test_sides_are_each_others_converse() -> None:
    left, right = (
        [one for one in BY_LABEL.values() if one.side == side] for side in ("left", "right")
    )
    assert [one.label for one in right] == [one.converses[0] for one in left]


@pytest.mark.parametrize(
    ("written", "label"),
    [
        (" In  front of ", "in front of"),
        ("TO THE LEFT OF", "to the left of"),
        ("\tRight\n", "to the right of"),
    ],
)
def test_case_and_blanks_do_not_matter(written: str, label: str) -> None:
    assert parse_relation(written) == label


@pytest.mark.parametrize("written", ["", "beside", "left of", "front", "infrontof"])
def test_anything_else_is_refused_with_the_nine(written: str) -> None:
    with pytest.raises(DataError, match=f"unknown relation {written!r}; known: on, in, next to"):
        parse_relation(written)


OWN_LABELS = """
from vsdkit.data import relations
own = (
    relations.Relation("left of", ("left of",), ("right of",), side="left"),
    relations.Relation("right of", ("right of",), ("left of",), side="right"),
    relations.Relation("on", ("on",), ()),
    relations.Relation("far from", ("far from", "a long way from"), ("far from",), short="far"),
)
relations.BY_LABEL = {one.label: one for one in own}
relations.RELATIONS = tuple(relations.BY_LABEL)
relations._LABELS = {form: one.label for one in own for form in one.forms}

from vsdkit.answers import parse_label
from vsdkit.wording import find_relations

print([parse_label(text) for text in ("Far.", "it is on the left", "next to", "left of it")])
for sentence in ("the lamp is a long way from the crate", "the crate is to the right of the lamp",
                 "a lamp on the crate", "a lamp beside the crate"):
    print([found.relations for found in find_relations(sentence, "lamp", "crate")])
"""


def test_labels_of_ones_own_are_read_from_the_table_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OWN_LABELS], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "['far from', 'left of', None, 'left of']",
        "[('far from',)]",
        "[('left of',)]",
        "[('on',)]",
        "[]",
    ]
