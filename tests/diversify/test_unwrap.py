"""The sentence in a model's reply, whatever is around it; never what is around it."""

from __future__ import annotations

import random
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsdkit.diversify.guards import refuse
from vsdkit.diversify.unwrap import clean_reply

FUZZ = Path(__file__).parents[2] / "benchmarks" / "fuzz_replies.py"
fuzz = SimpleNamespace(**runpy.run_path(str(FUZZ)))


def test_the_sentence_that_is_looked_for_passes_the_guards() -> None:
    assert refuse(fuzz.ASK, fuzz.GOOD) is None
    assert len(fuzz.FORMS) >= 25


@pytest.mark.parametrize("form", fuzz.FORMS, ids=lambda form: form.name)
def test_a_form_of_a_reply(form) -> None:
    assert fuzz.outcome_of(form.text.replace("@", fuzz.GOOD)) == form.outcome


@pytest.mark.parametrize("body", fuzz.BODIES, ids=lambda body: body.name)
def test_a_form_of_a_whole_answer(body) -> None:
    assert fuzz.outcome_of_body(body.content.encode()) == body.outcome


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        ("A lamp.", "A lamp."),
        ('"A lamp."', "A lamp."),
        ("\n\nA lamp.\nIt shines.", "A lamp."),
        ("Rewritten sentence: A lamp.", "A lamp."),
        ("Sure! Here is the rewritten sentence:\n\n**A lamp.**", "A lamp."),
        ("Answer: 'A  lamp.'", "A lamp."),
        ("", ""),
        ("Here it is:", ""),
    ],
)
def test_what_a_model_says_around_its_sentence_goes(reply: str, sentence: str) -> None:
    assert clean_reply(reply) == sentence


@pytest.mark.parametrize(
    "sentence",
    [
        'The lettering "people" is next to the lettering "coffee".',
        "Behind a lamp: one crate (the small one) stands",
        "A man's T-shirt, size 5/6, lies on the bed - or above it?",
        "the t.v. is on a d\u00e9sk",
        "is there 1 lamp behind 2 crates?",
    ],
)
def test_a_bare_sentence_stays_as_it_is(sentence: str) -> None:
    assert clean_reply(sentence) == sentence


@pytest.mark.parametrize("deep", ["[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900])
def test_json_of_any_depth(deep: str) -> None:
    assert clean_reply(deep) == ""


def test_a_reply_of_a_whole_book_is_none() -> None:
    assert clean_reply(f"{fuzz.GOOD}\n" * 9_999) == ""


@settings(max_examples=300, database=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_mutated_replies_give_a_bare_sentence_or_none(seed: int) -> None:
    assert fuzz.judge(fuzz.mutate(random.Random(seed))) in ("sentence", "refused")


@given(st.text(max_size=200))
def test_any_text_at_all(text: str) -> None:
    once = clean_reply(text)
    assert "\n" not in once
    assert not set("<>{}[]`*\\") & set(once)
