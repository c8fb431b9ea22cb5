"""The geometry that speaks for a relation, in words and pixels."""

from __future__ import annotations

from collections.abc import Iterator

from vsdkit.boxes.features import Pair
from vsdkit.data.records import Box
from vsdkit.data.relations import BY_LABEL

__all__ = ["say_why"]

_LEAST_SHARE = 0.05
"""Of the object's size: a shift, or of a box: an overlap, below which nothing is said."""
_TOUCHING = ("on", "in", "above", "under")
_NEARER, _FURTHER = "in front of", "behind"


def say_why(pair: Pair, relation: str) -> str:
    """Return what of two boxes' geometry speaks for a relation; the tags where nothing does.

    >>> say_why(Pair("cup", "dog", Box(0, 10, 0, 10), Box(0, 10, 130, 150)), "to the left of")
    'its centre is 135 px left; the boxes are 120 px apart'
    """
    found = list(_facts(pair, relation))
    return "; ".join(found) or "no geometry speaks for it, but the two tags do"


def _facts(pair: Pair, relation: str) -> Iterator[str]:
    subject, object_ = pair.subject_box, pair.object_box
    right = subject.centre.x - object_.centre.x
    down = subject.centre.y - object_.centre.y
    side = BY_LABEL[relation].side
    if side == ("right" if right > 0 else "left") and _tells(right, object_.width):
        yield f"its centre is {abs(right):.0f} px {side}"
    level = {"above": -1, "on": -1, "under": 1}.get(relation, 0)
    if level * down > 0 and _tells(down, object_.height):
        yield f"its centre is {abs(down):.0f} px {'lower' if down > 0 else 'higher'}"
    # On level ground what ends lower in the image stands nearer to the camera.
    foot = subject.y_max - object_.y_max
    nearer = {_NEARER: 1, _FURTHER: -1}.get(relation, 0)
    if nearer * foot > 0 and _tells(foot, object_.height):
        yield f"it ends {abs(foot):.0f} px {'lower' if foot > 0 else 'higher'} in the image"
    share = _shared(subject, object_)
    if relation in (*_TOUCHING, _NEARER, _FURTHER) and share > _LEAST_SHARE:
        yield f"{share:.0%} of its box lies in the other"
    apart = _gap(subject, object_)
    if (relation == "next to" or side) and apart > 0:
        yield f"the boxes are {apart:.0f} px apart"


def _tells(shift: float, size: float) -> bool:
    return abs(shift) > _LEAST_SHARE * size


def _shared(subject: Box, object_: Box) -> float:
    """Return the share of the subject's box that the object's covers."""
    down = min(subject.y_max, object_.y_max) - max(subject.y_min, object_.y_min)
    right = min(subject.x_max, object_.x_max) - max(subject.x_min, object_.x_min)
    return max(down, 0) * max(right, 0) / (subject.width * subject.height)


def _gap(subject: Box, object_: Box) -> float:
    """Return the pixels between two boxes side by side; 0 if they meet."""
    return max(subject.x_min - object_.x_max, object_.x_min - subject.x_max, 0)
