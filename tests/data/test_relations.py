"""The nine labels."""

from __future__ import annotations

import pytest

from vsdkit.data.relations import RELATIONS, SHORT_FORMS, parse_relation, short_form
from vsdkit.errors import DataError

# The challenge page's list, in its order.
CHALLENGE = ["on", "in", "next", "under", "above", "behind", "in front of", "left", "right"]


def test_short_forms_are_the_challenge_pages() -> None:
    assert [short_form(relation) for relation in RELATIONS] == CHALLENGE
    assert set(SHORT_FORMS) <= set(RELATIONS)


@pytest.mark.parametrize("relation", RELATIONS)
def test_long_and_short_forms_are_one_label(relation: str) -> None:
    assert parse_relation(relation) == relation
    assert parse_relation(short_form(relation)) == relation


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
