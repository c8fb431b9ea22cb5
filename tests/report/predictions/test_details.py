"""What is shown of one item: references, answers, why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vsdkit.report.predictions.answered import Answered
from vsdkit.report.predictions.details import detail_pieces
from vsdkit.report.predictions.entries import entries_of

pytestmark = pytest.mark.java


@pytest.fixture(scope="module")
def details(odd: Answered) -> list[dict[str, Any]]:
    return [one for _, piece in detail_pieces(entries_of(odd.rows), odd) for one in piece]


def test_answers_stand_beside_references_with_what_the_model_said(
    details: list[dict[str, Any]],
) -> None:
    first = details[0]
    assert first["references"]["2"] == ("<script>alert(1)</script>", "the cup is in the table")
    answer = first["systems"][0]["2"]
    assert (answer["answer"], answer["raw"]) == (
        "<script>alert(1)</script>",
        "<script>alert(1)</script> ?",
    )
    assert first["systems"][0]["1"]["because"] == "<b>boxes</b>"


def test_probabilities_of_another_program_s_kind_are_left_out(
    details: list[dict[str, Any]],
) -> None:
    told = details[6]["systems"][0]["1"]["probabilities"]
    assert told == {"to the left of": 0.8, "on": 0.2}


def test_a_row_that_failed_says_why_and_a_missing_one_is_not_there(
    details: list[dict[str, Any]],
) -> None:
    assert details[6]["systems"][1]["2"]["error"] == "it broke </script>"
    assert details[6]["systems"][1]["2"]["answer"] is None
    assert details[3]["systems"][1] == {}


def test_tuples_say_what_matched_was_made_up_and_is_missing(details: list[dict[str, Any]]) -> None:
    answer = details[5]["systems"][0]["3"]
    made, other, again = answer["tuples"]
    assert made == again
    # The first sentence is the first reference, the second nearly the second one.
    assert {mark for _, mark in made} == {"m"}
    assert answer["missing"][0] == []
    assert [["cup"], "m"] in other
    assert answer["best"] == [0, 1, 0]


def test_sentences_have_their_relations_and_numbers(details: list[dict[str, Any]]) -> None:
    answer = details[5]["systems"][0]["3"]
    assert list(map(list, answer["stated"])) == [["to the left of"], ["in"], ["to the left of"]]
    assert set(answer["mbleu4_by_pair"]) == {"1-2", "1-3", "2-3"}
    assert answer["by_sentence"][0] == 100


def test_in_coco_s_reading_no_sentence_has_a_best_reference_s_number(odd: Answered) -> None:
    assert odd.score is not None
    coco = replace(odd, score=replace(odd.score, reading="coco"))
    ((_, piece),) = detail_pieces(entries_of(coco.rows), coco)
    assert "by_sentence" not in piece[5]["systems"][0]["3"]


def test_a_model_s_words_are_left_out_where_the_answer_says_the_same() -> None:
    from vsdkit.data.records import PredictionRow
    from vsdkit.report.predictions.details import _says_the_same

    three = ("a b.", "c", "d")
    assert _says_the_same(PredictionRow("1", 3, three, raw="a b. \n c \n d"))
    assert not _says_the_same(PredictionRow("1", 3, three, raw="1. a b. \n c \n d"))
    assert not _says_the_same(PredictionRow("1", 1, None, raw="I cannot see"))
