"""What is read from an answer, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsdkit.answers import parse_answer, parse_label, parse_sentences
from vsdkit.data.relations import BY_LABEL, RELATIONS


@pytest.mark.parametrize("relation", RELATIONS)
def test_every_label_in_every_dress(relation: str) -> None:
    for form in BY_LABEL[relation].forms:
        for dress in ("{}", "{}.", " {} \n", "'{}'", "The answer is: {}", "is {} the"):
            assert parse_label(dress.format(form)) == relation
            assert parse_label(dress.format(form.capitalize())) == relation


@pytest.mark.parametrize(
    ("raw", "label"),
    [
        ("in front of", "in front of"),
        ("The cat is in front of the car", "in front of"),
        ("in  front\nof", "in front of"),
        ("on the left side of", "to the left of"),
        ("on the right", "to the right of"),
        ("at the left of", "to the left of"),
        ("on top of", "on"),
        ("on the mat. It is on the mat.", "on"),
    ],
)
def test_the_longest_form_counts(raw: str, label: str) -> None:
    assert parse_label(raw) == label


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "inside",
        "window",
        "onto",
        "understand",
        "I cannot tell.",
        "on or under",
        "on, in, next to, under, above, behind, in front of, to the left of, to the right of",
    ],
)
def test_no_label_is_no_label(raw: str) -> None:
    assert parse_label(raw) is None


def test_words_of_the_tags_are_no_answer() -> None:
    tags = ("right hand", "sign above door")
    assert parse_label("The right hand is under the sign above door.", tags=tags) == "under"


@pytest.mark.parametrize("raw", ["left", "Left.", "to the left of", "to the left of."])
def test_a_tag_that_is_a_label_does_not_hide_the_answer(raw: str) -> None:
    assert parse_label(raw, tags=("left", "wall")) == "to the left of"


SENTENCES = ("cat on mat.", "there is a cat on a mat.", "The cat sits on a t.v. mat")


@pytest.mark.parametrize("separator", [" \n ", "\n", "\r\n", " \\n ", "\\n", "\n\n", "\u2028"])
@pytest.mark.parametrize("numbering", ["", "{}. ", "{}) ", "({}) ", "{}: ", "- ", "* "])
def test_three_sentences(separator: str, numbering: str) -> None:
    numbered = (numbering.format(n) + text for n, text in enumerate(SENTENCES, start=1))
    assert parse_sentences(separator.join(numbered)) == SENTENCES


def test_numbers_on_lines_of_their_own() -> None:
    assert parse_sentences("1.\na\n2.\nb\n3.\nc") == ("a", "b", "c")


def test_a_number_that_belongs_to_the_sentence_stays() -> None:
    assert parse_sentences("2 men sit\n1.5 m of wall\n24 on a sign") == (
        "2 men sit",
        "1.5 m of wall",
        "24 on a sign",
    )


@pytest.mark.parametrize(
    "raw",
    [
        "Here are three descriptions:\n\n{}",
        "Sure! Here they are:\n1. {}\n2. {}\n3. {}",
        "Of the picture I can say\n1) {}\n2) {}\n3) {}\nI hope this helps!",
        "- {}\n- {}\n- {}\n\nThese differ in wording.",
    ],
)
def test_what_stands_around_three_sentences_is_dropped(raw: str) -> None:
    text = raw.format("\n".join(SENTENCES)) if raw.count("{}") == 1 else raw.format(*SENTENCES)
    assert parse_sentences(text) == SENTENCES


@pytest.mark.parametrize(
    "raw",
    [
        *("", "\n \n", "a", "a\nb", "a\nb\nc\nd", "one. two. three."),
        *("1. a\n2. b\n3. c\n4. d", "So:\na\nb\nc\nd"),
    ],
)
def test_not_three_sentences_is_none(raw: str) -> None:
    assert parse_sentences(raw) is None


@given(st.lists(st.sampled_from(["a cat.", "T.C. Boyle on a book", "the 3. row"]), max_size=6))
def test_only_lines_count(lines: list[str]) -> None:
    parsed = parse_sentences("\n".join(lines))
    assert parsed == (tuple(lines) if len(lines) == 3 else None)


def test_answers_by_task() -> None:
    assert parse_answer("left", 1) == "to the left of"
    assert parse_answer(" a cat\n on a mat. ", 2) == "a cat on a mat."
    assert parse_answer(" \n", 2) is None
    assert parse_answer("a\nb\nc", 3) == ("a", "b", "c")
