"""What is known of a pair without its image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsdkit.boxes.features import Pair, geometry, pair_of, tag_words
from vsdkit.data.records import Box, GoldRow
from vsdkit.errors import DataError

edges = st.tuples(st.integers(0, 5000), st.integers(1, 5000))
boxes = st.builds(lambda y, x: Box(y[0], y[0] + y[1], x[0], x[0] + x[1]), edges, edges)


@given(subject=boxes, object_=boxes)
def test_geometry_of_any_two_boxes_is_finite(subject, object_):
    assert np.isfinite(geometry([Pair("cup", "table", subject, object_)])).all()


def test_geometry_has_a_row_a_pair_and_tells_pairs_apart():
    left, right = Box(0, 10, 0, 10), Box(0, 10, 50, 70)
    rows = geometry([Pair("a", "b", left, right), Pair("a", "b", right, left)])
    assert rows.shape[0] == 2
    assert not np.array_equal(rows[0], rows[1])


def test_geometry_does_not_depend_on_the_other_pairs():
    pairs = [Pair("a", "b", Box(0, 10, 0, 10), Box(n, n + 5, 0, 9)) for n in range(4)]
    assert np.array_equal(geometry(pairs)[2], geometry([pairs[2]])[0])


def test_singular_and_plural_share_words_and_plurals_are_marked():
    box = Box(0, 1, 0, 1)
    one, many = (tag_words(Pair(tag, "man", box, box)) for tag in ("tree", "trees"))
    assert set(many) - set(one) == {"s+"}


def test_a_tag_without_a_word_has_features_too():
    assert tag_words(Pair("!", "man", Box(0, 1, 0, 1), Box(0, 1, 0, 1)))["oh:man"] == 1


@pytest.mark.parametrize("missing", ["subject_box", "object_box"])
def test_a_row_without_a_box_is_an_error_that_names_it(missing):
    known = {"subject_box": Box(0, 1, 0, 1), "object_box": Box(0, 1, 0, 1)} | {missing: None}
    row = GoldRow("1", "1.jpg", 1, "cup", "table", **known)
    with pytest.raises(DataError, match=f"no {missing}"):
        pair_of(row)
