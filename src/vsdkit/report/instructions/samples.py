"""Some rows as the model sees them, each with a small copy of its picture."""

from __future__ import annotations

import base64
import random
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vsdkit.conversation import Conversation
from vsdkit.data.images.file import ImageFile
from vsdkit.data.images.opening import open_image
from vsdkit.data.records import IMAGE_MARK, Box, GoldRow, InstructionRow
from vsdkit.errors import DataError
from vsdkit.finetune.shown_rows import show_row

if TYPE_CHECKING:
    from vsdkit.finetune.tokens import RowCounter

__all__ = ["SHOWN_ROWS", "DrawnBox", "Picture", "SampleRow", "choose_places", "show_sample"]

SHOWN_ROWS = 20
_EDGE = 240
"""Longest edge of a small picture, in pixels: twenty of them are 300 kB."""
_QUALITY = 75
"""Of its JPEG, Pillow's own choice."""


class DrawnBox(NamedTuple):
    """A box over a picture, in the picture's own pixels."""

    role: str
    """``subject`` or ``object``, by which it is coloured."""
    tag: str
    x: float
    y: float
    width: float
    height: float


class Picture(NamedTuple):
    """A small picture inside the page."""

    address: str
    """A ``data:`` address."""
    width: int
    """Of the picture itself."""
    height: int
    boxes: tuple[DrawnBox, ...]
    """Gold's, if known."""


class SampleRow(NamedTuple):
    """A row as the model sees it."""

    id: str
    task: int
    image: str
    """The name of its picture."""
    before: str
    """The text before the picture's place."""
    place: str
    """What stands for the picture: its mark and how many tokens it takes."""
    behind: str
    """The text from there up to what is trained."""
    trained: str
    """What is trained, the stop token included."""
    counts: str
    """How many tokens it has, where they were counted."""
    refused: str
    """Why training would refuse the row; empty if it would not."""
    picture: Picture | None


def choose_places(count: int, *, seed: int) -> list[int]:
    """Return the places of the rows that are shown, in their order.

    >>> choose_places(3, seed=0)
    [0, 1, 2]
    """
    return sorted(random.Random(seed).sample(range(count), min(count, SHOWN_ROWS)))


def show_sample(
    row: InstructionRow,
    *,
    counter: RowCounter,
    conversation: Conversation,
    image_tokens: int,
    file: ImageFile | None,
    gold: Mapping[str, GoldRow],
) -> SampleRow:
    """Return a row as the model sees it.

    Args:
        row: The row.
        counter: Encodes it as training does.
        conversation: The conversation format.
        image_tokens: Tokens of its image.
        file: Its image, if it is here and opens.
        gold: Gold rows by the item's id.
    """
    place = f"{IMAGE_MARK} x {image_tokens:,}"
    picture = None if file is None else _make_picture(file, gold.get(row.item))
    try:
        shown = show_row(row, counter=counter, conversation=conversation, image_tokens=image_tokens)
    except DataError as error:
        return SampleRow(
            row.id, row.task, row.image, "", "", row.question, row.answer, "",
            f"{error.message}; {error.hint}", picture,
        )  # fmt: skip
    before, _, behind = shown.read.partition(place)
    counts = (
        ""
        if shown.tokens is None
        else f"{shown.tokens:,} tokens, {shown.trained_tokens:,} of them trained"
    )
    return SampleRow(
        row.id, row.task, row.image, before, place, behind, shown.trained, counts, "", picture
    )


def _make_picture(file: ImageFile, gold: GoldRow | None) -> Picture:
    image = open_image(Path(file.path))
    image.thumbnail((_EDGE, _EDGE))
    packed = BytesIO()
    image.save(packed, "JPEG", quality=_QUALITY)
    address = f"data:image/jpeg;base64,{base64.b64encode(packed.getvalue()).decode()}"
    boxes: list[DrawnBox] = []
    if gold is not None:
        for role, tag, box in (
            ("subject", gold.subject, gold.subject_box),
            ("object", gold.object, gold.object_box),
        ):
            boxes += [] if box is None else [_drawn(role, tag, box)]
    return Picture(address, file.width, file.height, tuple(boxes))


def _drawn(role: str, tag: str, box: Box) -> DrawnBox:
    return DrawnBox(role, tag, box.x_min, box.y_min, box.width, box.height)
