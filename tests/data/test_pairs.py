"""Pairs of objects: all of them, the near ones, the nearest few."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsdkit.data.pairs import choose_pairs, distance
from vsdkit.data.records import Box

_EDGE = st.integers(0, 100)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    top, left = draw(_EDGE), draw(_EDGE)
    return Box(top, top + draw(st.integers(1, 60)), left, left + draw(st.integers(1, 60)))


MUG, KETTLE = Box(10, 20, 0, 10), Box(0, 20, 12, 32)
HOUSE, TREE = Box(0, 100, 300, 400), Box(0, 100, 440, 540)


def test_all_asks_both_orders_in_the_order_of_the_objects() -> None:
    assert choose_pairs([MUG, KETTLE, TREE]) == [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]


def test_near_is_measured_by_the_objects_own_size() -> None:
    # The house and the tree are 40 pixels apart and near; the kettle, 268 off, is near to neither.
    assert choose_pairs([MUG, KETTLE, HOUSE, TREE], "near") == [(0, 1), (2, 3)]


def test_the_smaller_object_is_the_subject_and_the_earlier_of_two_of_one_size() -> None:
    assert choose_pairs([KETTLE, MUG], "near") == [(1, 0)]
    assert choose_pairs([MUG, MUG], "near") == [(0, 1)]


def test_so_many_pairs_are_the_nearest_whatever_their_distance() -> None:
    # The house is farther from the kettle than half of their size, and still the third nearest.
    assert choose_pairs([MUG, KETTLE, HOUSE, TREE], "3") == [(0, 1), (2, 3), (1, 2)]
    assert len(choose_pairs([MUG, KETTLE], "9")) == 1


def test_fewer_than_two_objects_have_no_pair() -> None:
    assert choose_pairs([], "near") == choose_pairs([MUG], "all") == choose_pairs([MUG], "2") == []


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (Box(0, 10, 10, 20), 0.0),  # side by side
        (Box(13, 23, 14, 24), 0.5),  # across a corner: 3 and 4 are 5
        (Box(5, 15, 0, 10), -0.5),
        (Box(2, 8, 2, 8), -1.0),
    ],
)
def test_distance_is_the_gap_and_overlap_counts_below_zero(other: Box, expected: float) -> None:
    assert distance(Box(0, 10, 0, 10), other) == pytest.approx(expected)


@given(boxes(), boxes())
def test_distance_is_the_same_both_ways(one: Box, other: Box) -> None:
    assert distance(one, other) == distance(other, one) >= -1


@given(st.lists(boxes(), max_size=6), st.integers(1, 9))
def test_one_order_of_each_pair_and_never_more_than_asked(found: list[Box], count: int) -> None:
    chosen = choose_pairs(found, str(count))
    unordered = {tuple(sorted(pair)) for pair in chosen}
    assert len(chosen) == len(unordered) == min(count, len(list(combinations(found, 2))))
    assert {tuple(sorted(pair)) for pair in choose_pairs(found, "near")} <= {
        tuple(sorted(pair)) for pair in choose_pairs(found)
    }
