"""The geometry that speaks for a relation."""

import pytest

from vsdkit.boxes.features import Pair
from vsdkit.boxes.reasons import say_why
from vsdkit.data.records import Box
from vsdkit.data.relations import RELATIONS

LEFT_ABOVE, RIGHT_BELOW = Box(0, 20, 0, 20), Box(60, 100, 40, 80)


@pytest.mark.parametrize(
    ("relation", "subject", "object_", "said"),
    [
        ("to the left of", LEFT_ABOVE, RIGHT_BELOW, "50 px left; the boxes are 20 px apart"),
        ("to the right of", RIGHT_BELOW, LEFT_ABOVE, "50 px right; the boxes are 20 px apart"),
        ("above", LEFT_ABOVE, RIGHT_BELOW, "its centre is 70 px higher"),
        ("under", RIGHT_BELOW, LEFT_ABOVE, "its centre is 70 px lower"),
        ("in", Box(70, 90, 50, 60), RIGHT_BELOW, "100% of its box lies in the other"),
        ("in front of", RIGHT_BELOW, LEFT_ABOVE, "it ends 80 px lower in the image"),
        ("behind", LEFT_ABOVE, RIGHT_BELOW, "it ends 80 px higher in the image"),
        ("next to", LEFT_ABOVE, RIGHT_BELOW, "the boxes are 20 px apart"),
    ],
)
def test_what_is_said_speaks_for_the_relation(relation, subject, object_, said):
    assert said in say_why(Pair("cup", "dog", subject, object_), relation)


def test_geometry_against_the_relation_is_not_said():
    pair = Pair("cup", "dog", LEFT_ABOVE, RIGHT_BELOW)
    assert say_why(pair, "to the right of") == "the boxes are 20 px apart"
    assert say_why(pair, "under") == "no geometry speaks for it, but the two tags do"


@pytest.mark.parametrize("relation", RELATIONS)
def test_every_relation_has_words(relation):
    assert say_why(Pair("cup", "dog", LEFT_ABOVE, LEFT_ABOVE), relation)
