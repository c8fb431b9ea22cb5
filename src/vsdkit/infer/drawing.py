"""Draw a pair of boxes on an image, and what was said of them below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

from PIL import Image, ImageDraw, ImageFont

from vsdkit.data.jsonl import write_bytes
from vsdkit.data.records import Box
from vsdkit.errors import ConfigError, VsdkitError

__all__ = [
    "OBJECT_COLOUR",
    "SUBJECT_COLOUR",
    "TEXT_COLOUR",
    "Word",
    "draw_boxes",
    "draw_described",
    "require_suffix",
    "save_image",
]

# As in the paper's figures: the subject's box is red, the object's green.
SUBJECT_COLOUR: Final = "#c62828"
OBJECT_COLOUR: Final = "#2e7d32"
TEXT_COLOUR: Final = "#212121"

_SMALLEST: Final = 480
"""Pixels of the longest side. A smaller image is enlarged, so that its caption can be read."""
_FONT_SHARE: Final = 1 / 32
"""Height of the text, of the image's longest side."""
_LINE_SHARE: Final = 1 / 240
"""Width of a box's line, of the image's longest side."""


class Word(NamedTuple):
    """A piece of a caption that is not parted."""

    text: str
    colour: str


def draw_boxes(
    image: Image.Image,
    subject_box: Box | None,
    object_box: Box | None,
    *,
    scale: float = 1,
    line: int = 2,
) -> Image.Image:
    """Return an image, scaled, with the subject's box in red and the object's in green.

    Args:
        image: It is not changed.
        subject_box: In pixels of the image; None draws none.
        object_box: As ``subject_box``.
        scale: Size of the result, of the image's.
        line: Width of a box's line, in pixels of the result.
    """
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    scaled = image.resize(size, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(scaled)
    for box, colour in ((subject_box, SUBJECT_COLOUR), (object_box, OBJECT_COLOUR)):
        if box is not None:
            draw.rectangle([edge * scale for edge in box.corners], outline=colour, width=line)
    return scaled


def draw_described(
    image: Image.Image, subject_box: Box, object_box: Box, caption: Sequence[Word]
) -> Image.Image:
    """Return an image with both boxes, and a caption on white below it.

    Args:
        image: A small one is enlarged, so that its caption can be read.
        subject_box: In pixels of the image; what lies outside is cut off.
        object_box: As ``subject_box``.
        caption: Words, folded to the image's width.
    """
    longest = max(image.size)
    scale = max(1.0, _SMALLEST / longest)
    boxes = (_clip(box, image) for box in (subject_box, object_box))
    drawn = draw_boxes(
        image, *boxes, scale=scale, line=max(2, round(longest * scale * _LINE_SHARE))
    )
    font = ImageFont.load_default(round(longest * scale * _FONT_SHARE))
    # Pillow's wheels are built with FreeType; without it the one font has one size.
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise VsdkitError(
            "this Pillow cannot write text of any size: it has no FreeType",
            where="--save",
            hint="pip install --force-reinstall pillow",
        )
    lines = list(_fold(caption, font, width=drawn.width - round(font.size)))
    height = round(1.5 * font.size)
    below = Image.new(
        "RGB", (drawn.width, drawn.height + height * len(lines) + height // 2), "white"
    )
    below.paste(drawn)
    draw = ImageDraw.Draw(below)
    for number, line in enumerate(lines):
        x, y = font.size / 2, drawn.height + height * number + height / 3
        for word in line:
            draw.text((x, y), word.text, word.colour, font)
            x += font.getlength(f"{word.text} ")
    return below


def require_suffix(path: Path) -> None:
    """Return if an image can be saved under a name, so that it is known before long work.

    Raises:
        ConfigError: If its suffix names no format that can be written.
    """
    Image.init()
    if Image.registered_extensions().get(path.suffix.lower()) not in Image.SAVE:
        raise ConfigError(
            f"no format of images that can be written: {path.suffix or 'a name without suffix'}",
            where=f"--save {path}",
            hint="name it .png or .jpg",
        )


def save_image(image: Image.Image, path: Path) -> None:
    """Save an image in the format of its name's suffix, whole or not at all.

    Raises:
        VsdkitError: If it cannot be written.
    """
    content = BytesIO()
    try:
        image.save(content, format=Image.registered_extensions()[path.suffix.lower()])
    except (OSError, ValueError) as error:
        raise VsdkitError(f"cannot be saved: {error}", where=str(path)) from error
    write_bytes(path, content.getvalue())


def _fold(
    words: Sequence[Word], font: ImageFont.FreeTypeFont, *, width: float
) -> Iterator[list[Word]]:
    """Yield words in lines of a width; a word that is longer has a line of its own."""
    line: list[Word] = []
    used = 0.0
    for word in words:
        length = font.getlength(f"{word.text} ")
        if line and used + length > width:
            yield line
            line, used = [], 0.0
        line.append(word)
        used += length
    if line:
        yield line


def _clip(box: Box, image: Image.Image) -> Box:
    """Return the part of a box that lies in an image, so that its line is seen."""
    y_min, y_max = (min(max(edge, 0), image.height - 1) for edge in (box.y_min, box.y_max))
    x_min, x_max = (min(max(edge, 0), image.width - 1) for edge in (box.x_min, box.x_max))
    return Box(y_min, y_max, x_min, x_max)
