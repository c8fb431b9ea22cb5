"""What is known of a pair without its image: the geometry of its boxes, the words of its tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vsdkit.data.records import Box, GoldRow
from vsdkit.errors import DataError
from vsdkit.wording import head_word, is_plural, singular, words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

__all__ = ["Pair", "geometry", "nouns", "pair_of", "tag_words"]

_LEAST_PIXELS = 1.0
"""Sizes below this count as this: no quotient divides by nothing."""


class Pair(NamedTuple):
    """Two tags and their boxes: all that this package knows of an item."""

    subject: str
    """Tag of the subject."""
    object: str
    """Tag of the object."""
    subject_box: Box
    """Where the subject is."""
    object_box: Box
    """Where the object is."""


def pair_of(row: GoldRow) -> Pair:
    """Return the pair that a row is about.

    Raises:
        DataError: If a box is not known.
    """
    if row.subject_box is None or row.object_box is None:
        missing = "subject_box" if row.subject_box is None else "object_box"
        raise DataError(
            f"no {missing}, and boxes are all that this engine sees",
            hint="give both boxes as [ymin, ymax, xmin, xmax]",
        )
    return Pair(row.subject, row.object, row.subject_box, row.object_box)


def geometry(pairs: Sequence[Pair]) -> Matrix:
    """Return what the boxes say of each pair, in numbers that trees can split on.

    The size of the image is not known. Where the boxes end stands for it: the union of both begins
    near the image's edge more often than not.

    Returns:
        ``[n_pairs, n_features]``: edges in pixels, sizes, shares of overlap, and each edge of the
        subject seen from the object in units of either box.
    """
    # [n, 4] in the order y_min, y_max, x_min, x_max
    subject = np.asarray([pair.subject_box for pair in pairs], dtype=np.float64).reshape(-1, 4)
    object_ = np.asarray([pair.object_box for pair in pairs], dtype=np.float64).reshape(-1, 4)
    columns: list[Matrix] = [*subject.T, *object_.T]
    sizes = []
    for box in (subject, object_):
        height = np.maximum(box[:, 1] - box[:, 0], _LEAST_PIXELS)
        width = np.maximum(box[:, 3] - box[:, 2], _LEAST_PIXELS)
        sizes.append((height, width))
        columns += [np.log(height), np.log(width), np.log(height * width), np.log(width / height)]
    (s_height, s_width), (o_height, o_width) = sizes
    s_area, o_area = s_height * s_width, o_height * o_width
    columns += [
        np.log(s_area / o_area),
        np.log(s_height / o_height),
        np.log(s_width / o_width),
    ]
    centres = [
        ((box[:, 0] + box[:, 1]) / 2, (box[:, 2] + box[:, 3]) / 2) for box in (subject, object_)
    ]
    down, right = centres[0][0] - centres[1][0], centres[0][1] - centres[1][1]
    reach_y = np.maximum(subject[:, 1], object_[:, 1]) - np.minimum(subject[:, 0], object_[:, 0])
    reach_x = np.maximum(subject[:, 3], object_[:, 3]) - np.minimum(subject[:, 2], object_[:, 2])
    columns += [down / o_height, right / o_width, down / s_height, right / s_width]
    columns += [down / reach_y, right / reach_x, np.arctan2(down, right), np.hypot(down, right)]
    columns += [np.abs(right) / reach_x, np.abs(right) / o_width]
    # Negative where the boxes are apart, so that one number says how far or how much.
    over_y = np.minimum(subject[:, 1], object_[:, 1]) - np.maximum(subject[:, 0], object_[:, 0])
    over_x = np.minimum(subject[:, 3], object_[:, 3]) - np.maximum(subject[:, 2], object_[:, 2])
    shared = np.maximum(over_y, 0) * np.maximum(over_x, 0)
    columns += [shared / s_area, shared / o_area, shared / (s_area + o_area - shared)]
    columns += [over_y / s_height, over_y / o_height, over_x / s_width, over_x / o_width]
    # Who ends lower stands nearer, on level ground: what tells in front of from behind.
    for first, second in ((0, 0), (1, 1), (1, 0), (0, 1)):
        gap = subject[:, first] - object_[:, second]
        columns += [gap / o_height, gap / s_height, gap / reach_y]
    for first, second in ((2, 2), (3, 3), (3, 2), (2, 3)):
        columns.append((subject[:, first] - object_[:, second]) / o_width)
    far_y = np.maximum(subject[:, 1], object_[:, 1])
    far_x = np.maximum(subject[:, 3], object_[:, 3])
    columns += [centres[0][0] / far_y, centres[1][0] / far_y, s_area / (far_y * far_x)]
    columns += [o_area / (far_y * far_x), subject[:, 1] / far_y, object_[:, 1] / far_y]
    return np.column_stack(columns)


def tag_words(pair: Pair) -> dict[str, float]:
    """Return the words of both tags as names of features, each 1.

    >>> sorted(tag_words(Pair("street lights", "man", Box(0, 1, 0, 1), Box(0, 1, 0, 1))))[:3]
    ['light|man', 'o man', 'o:man']
    """
    found = {}
    heads = nouns(pair)
    for side, tag, head in zip("so", (pair.subject, pair.object), heads, strict=True):
        parts = [singular(word) for word in words(tag)]
        found[f"{side} {' '.join(parts)}"] = 1.0
        found[f"{side}h:{head}"] = 1.0
        found |= {f"{side}:{part}": 1.0 for part in parts}
        if words(tag) and is_plural(tag):
            found[f"{side}+"] = 1.0
    found[f"{heads[0]}|{heads[1]}"] = 1.0
    return found


def nouns(pair: Pair) -> tuple[str, str]:
    """Return what subject and object are, each in one word and in the singular.

    >>> nouns(Pair("street lights", "two men", Box(0, 1, 0, 1), Box(0, 1, 0, 1)))
    ('light', 'man')
    """
    return singular(head_word(pair.subject)), singular(head_word(pair.object))
