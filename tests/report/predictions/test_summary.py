"""What a page shows first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vsdkit.report.predictions.answered import Answered
from vsdkit.report.predictions.entries import sorts_of
from vsdkit.report.predictions.summary import summary_of

pytestmark = pytest.mark.java


@pytest.fixture(scope="module")
def summary(odd: Answered) -> dict[str, Any]:
    return summary_of(odd, sorts_of(odd), entries=7)


def test_numbers_signatures_and_intervals_are_the_scorer_s(
    odd: Answered, summary: dict[str, Any]
) -> None:
    assert odd.score is not None
    for shown, system in zip(summary["systems"], odd.score.systems, strict=True):
        assert shown["numbers"] == system.numbers
        assert shown["reasons"] == system.reasons
        assert shown["intervals"]["z1"] == list(system.intervals["z1"] or ())
    keys = [one["key"] for one in summary["numbers"]]
    assert keys == [key for key in odd.score.signatures if key in keys]
    assert {one["key"] for one in summary["numbers"] if one["headline"]} >= {"overall", "z3"}
    assert {"interval", "p"} == summary["of_resamples"].keys()
    assert summary["differences"] == [one.to_dict() for one in odd.score.differences]


def test_rows_that_count_as_wrong_are_counted(summary: dict[str, Any]) -> None:
    torn = summary["systems"][1]
    assert (torn["rows"], torn["errors"]) == (18, 2)
    assert torn["unparsed"]["1"]["unparsed"] == 6
    assert torn["unparsed"]["1"]["missing"] == 1
    assert "no label" in torn["unparsed"]["1"]["first"]
    assert torn["confusion"]["in"]["none"] == 4


def test_it_is_said_why_there_are_no_tuples(odd: Answered, summary: dict[str, Any]) -> None:
    assert summary["tuples_note"] is None
    assert odd.score is not None
    bare = [
        replace(
            one,
            answers={
                key: answer._replace(
                    facts={name: value for name, value in answer.facts.items() if name != "tuples"}
                )
                for key, answer in one.answers.items()
            },
        )
        for one in odd.systems
    ]
    reasons = [replace(one, reasons={"task2.spice": "no Java"}) for one in odd.score.systems]
    without = replace(odd, systems=bare, score=replace(odd.score, systems=reasons))
    assert summary_of(without, [], entries=7)["tuples_note"] == "no Java"


def test_a_page_without_scores_has_no_numbers(odd: Answered) -> None:
    unscored = replace(odd, score=None, remarks=["nothing was scored"])
    summary = summary_of(unscored, sorts_of(unscored), entries=7)
    assert summary["notes"] == ["nothing was scored"]
    assert not summary["scored"]
    assert summary["tuples_note"] is None
    assert summary["numbers"] == summary["differences"] == []
    assert "numbers" not in summary["systems"][0]
    assert [one["key"] for one in summary["sorts"]] == ["1.probability"]
