"""Some rows as the model sees them, each with a small copy of its picture."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from vsdkit.conversation import Conversation
from vsdkit.data.records import IMAGE_MARK, GoldRow, InstructionRow
from vsdkit.errors import DataError
from vsdkit.finetune.shown_rows import show_row
from vsdkit.report.thumbnails import Thumbnail

if TYPE_CHECKING:
    from vsdkit.finetune.tokens import RowCounter

__all__ = ["SHOWN_ROWS", "DrawnBox", "Picture", "SampleRow", "choose_places", "show_sample"]

SHOWN_ROWS = 20


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
    """A picture and what is drawn over it."""

    thumbnail: Thumbnail
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
    thumbnail: Thumbnail | None,
    gold: Mapping[str, GoldRow],
) -> SampleRow:
    """Return a row as the model sees it.

    Args:
        row: The row.
        counter: Encodes it as training does.
        conversation: The conversation format.
        image_tokens: Tokens of its image.
        thumbnail: The small copy of its image, if that is here and opens.
        gold: Gold rows by the item's id.
    """
    place = f"{IMAGE_MARK} x {image_tokens:,}"
    known = gold.get(row.item)
    picture = None if thumbnail is None else Picture(thumbnail, _boxes(known))
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


def _boxes(gold: GoldRow | None) -> tuple[DrawnBox, ...]:
    if gold is None:
        return ()
    roles = (
        ("subject", gold.subject, gold.subject_box),
        ("object", gold.object, gold.object_box),
    )
    return tuple(
        DrawnBox(role, tag, box.x_min, box.y_min, box.width, box.height)
        for role, tag, box in roles
        if box is not None
    )
