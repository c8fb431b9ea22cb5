from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsdkit.data.relations import RELATIONS
from vsdkit.metrics import score_relations


def test_averages_of_one_label_a_row() -> None:
    gold = [{"on"}, {"on"}, {"in"}, {"under"}]
    score = score_relations(gold, ["on", "in", "in", None])
    # By hand: on 2*1/(2+1), in 2*1/(1+2), under 0; all: 2*2/(4+3).
    assert score.micro == pytest.approx(100 * 4 / 7)
    assert score.macro == pytest.approx(100 * (2 / 3 + 2 / 3 + 0) / 3)
    assert score.weighted == pytest.approx(100 * (2 * 2 / 3 + 2 / 3 + 0) / 4)
    assert score.samples == 50
    assert score.accuracy == 50


def test_gold_is_a_set_and_one_of_it_is_right() -> None:
    score = score_relations([{"on", "above"}], ["above"])
    assert score.accuracy == 100
    assert [score.micro, score.samples] == pytest.approx([100 * 2 / 3] * 2)


def test_silence_is_never_better_than_a_right_label_nor_zeroed() -> None:
    silent = score_relations([{"on"}] * 4, ["on", "on", "on", None])
    right = score_relations([{"on"}] * 4, ["on"] * 4)
    assert silent.micro < right.micro == 100
    assert silent.accuracy == 75


@given(
    st.lists(
        st.tuples(
            st.sets(st.sampled_from(RELATIONS), min_size=1, max_size=3),
            st.none() | st.sampled_from(RELATIONS),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_equals_the_definition_on_label_indicators(rows: list[tuple[set[str], str | None]]) -> None:
    gold = [labels for labels, _ in rows]
    predicted = [set() if label is None else {label} for _, label in rows]
    used = sorted(set().union(*gold, *predicted))

    def f1(pairs: list[tuple[bool, bool]]) -> float:
        both = sum(wanted and claimed for wanted, claimed in pairs)
        only_one = sum(wanted != claimed for wanted, claimed in pairs)
        return 2 * both / (2 * both + only_one)

    def column(label: str) -> list[tuple[bool, bool]]:
        return [(label in g, label in p) for g, p in zip(gold, predicted, strict=True)]

    score = score_relations(gold, [label for _, label in rows])
    assert score.micro == pytest.approx(100 * f1([pair for one in used for pair in column(one)]))
    assert score.macro == pytest.approx(100 * sum(f1(column(one)) for one in used) / len(used))
    by_row = [
        f1([(one in g, one in p) for one in used]) for g, p in zip(gold, predicted, strict=True)
    ]
    assert score.samples == pytest.approx(100 * sum(by_row) / len(by_row))


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(ValueError, match="every row needs a gold label"):
        score_relations([], [])
    with pytest.raises(ValueError, match="every row needs a gold label"):
        score_relations([set()], ["on"])
    with pytest.raises(ValueError, match="zip"):
        score_relations([{"on"}], [])
