"""What a file of detections holds, before and after its boxes are checked against the image."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from vsdkit.data.images.opening import ImageSize
from vsdkit.data.records import Box, Corners
from vsdkit.errors import DataError

__all__ = [
    "Detected",
    "DetectionFormat",
    "FoundBox",
    "FoundImage",
    "check_box",
    "number_labels",
    "read_number",
    "to_box",
]

_ROUNDING_PX = 1
"""How far an edge may lie outside of the image and be moved to its edge: detectors round, YOLO's
files have six digits, and VOC counts pixels from 1."""


class FoundBox(NamedTuple):
    """One object as a file has it."""

    label: str
    """What it is, in the file's words."""
    corners: Corners
    """Its edges, in the file's unit."""
    where: str
    """File and object, for messages."""


class FoundImage(NamedTuple):
    """One image of a file and its objects."""

    name: str
    """Of the image's file; without a suffix where the file of detections names none."""
    boxes: Sequence[FoundBox]
    """Its objects, in the file's order."""
    where: str
    """The file, for messages."""
    order: str
    """How this format writes a box, for messages."""
    unit: float | None = None
    """What stands for the whole width or height: 1 or 1,000; None where boxes are in pixels."""
    size: ImageSize | None = None
    """Size of the image as the file states it, if it does."""


@dataclass(frozen=True, slots=True)
class DetectionFormat:
    """One form of files of detections: an entry of ``reading.FORMATS``."""

    name: str
    """What a person calls it."""
    files: Sequence[Path]
    """Every file that is read for it; they decide what is asked."""
    read: Callable[[], Iterable[FoundImage]]
    """Returns what the files hold; raises ``DataError`` with the place."""
    takes_unit: bool = False
    """Whether boxes may be in another unit than the format's own: ``--box-units``."""
    left_out: str = ""
    """What is left out on purpose, for the person who asks."""


class Detected(NamedTuple):
    """An object of an image, its box checked."""

    name: str
    """Its label, numbered where the image has several: ``dog``, ``dog#2``."""
    label: str
    """What it is."""
    box: Box
    """Where it is."""
    in_pixels: bool = True
    """False where the size of the image is not known, since it does not open."""


def number_labels(labels: Iterable[str]) -> Iterator[str]:
    """Yield a name of its own for each object of an image.

    >>> list(number_labels(["dog", "sofa", "dog"]))
    ['dog', 'sofa', 'dog#2']
    """
    taken = set[str]()
    for label in labels:
        name, number = label, 1
        while name in taken:
            number += 1
            name = f"{label}#{number}"
        taken.add(name)
        yield name


def read_number(value: Any, what: str) -> float:
    """Return a number of a box.

    Raises:
        DataError: If it is no number, or not finite.
    """
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} is a number, got {value!r}") from error
    if isinstance(value, bool) or not math.isfinite(number):
        raise DataError(f"{what} is a number, got {value!r}")
    return number


def to_box(found: FoundBox, image: FoundImage, size: ImageSize | None) -> Box:
    """Return the box of an object in pixels of its image, in the order of the VSD files.

    Args:
        found: The object.
        image: Its image, with the unit of the box.
        size: Height and width of the upright image; None where it does not open: the box is then
            in the file's unit.

    Raises:
        DataError: If an edge lies before the one that it follows, or outside of the image: the
            numbers are in another order or of another image, which is not guessed.
    """
    try:
        across, down = 1.0, 1.0
        if size is not None and image.unit is not None:
            across, down = size.width / image.unit, size.height / image.unit
        left, top, right, bottom = found.corners
        scaled = Corners(left * across, top * down, right * across, bottom * down)
        return check_box(scaled, size, shown=found.corners)
    except DataError as error:
        raise error.at(
            f"{found.where} ({found.label!r}), image {image.name!r}",
            hint=f"this format writes a box as {image.order}; is it that order, and that picture?",
        ) from error


def check_box(corners: Corners, size: ImageSize | None, *, shown: Corners | None = None) -> Box:
    """Return a box in VSD's order, its edges moved into the image by a pixel at most.

    Args:
        corners: Its edges in pixels.
        size: Height and width of the image; None where they are not known.
        shown: The edges as messages tell them.

    Raises:
        DataError: If a minimum is not below its maximum, or an edge is outside of the image.
    """
    told = ", ".join(f"{name} {value:g}" for name, value in (shown or corners)._asdict().items())
    if not (corners.x_min < corners.x_max and corners.y_min < corners.y_max):
        raise DataError(f"a box needs x_min < x_max and y_min < y_max, got {told}")
    if not all(map(math.isfinite, corners)):
        raise DataError(f"a box is four finite numbers, got {told}")
    height, width = size or (math.inf, math.inf)
    inside = Corners(
        max(corners.x_min, 0),
        max(corners.y_min, 0),
        min(corners.x_max, width),
        min(corners.y_max, height),
    )
    moved = max(abs(a - b) for a, b in zip(corners, inside, strict=True))
    if moved > _ROUNDING_PX or inside.x_min >= inside.x_max or inside.y_min >= inside.y_max:
        of_size = "" if size is None else f", which is {width} wide and {height} high"
        raise DataError(f"a box that lies outside of the picture{of_size}: {told}")
    left, top, right, bottom = map(_plain, inside)
    if left == right or top == bottom:
        raise DataError(f"a box without a pixel: {told}")
    return Box(top, bottom, left, right)


def _plain(edge: float) -> float:
    # A hundredth of a pixel: what YOLO's six digits keep of any image below 5,000 pixels, so that
    # one box is the same in all formats.
    rounded = round(edge, 2)
    return int(rounded) if rounded == int(rounded) else rounded
