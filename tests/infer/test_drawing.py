"""Boxes and captions on images of any size, and files that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageColor

from vsdkit.data.records import Box
from vsdkit.errors import ConfigError, VsdkitError
from vsdkit.infer.drawing import (
    OBJECT_COLOUR,
    SUBJECT_COLOUR,
    TEXT_COLOUR,
    Word,
    draw_boxes,
    draw_described,
    require_suffix,
    save_image,
)

RED, GREEN = (ImageColor.getrgb(colour) for colour in (SUBJECT_COLOUR, OBJECT_COLOUR))
CAPTION = [Word("dog", SUBJECT_COLOUR), Word("on", TEXT_COLOUR), Word("sofa", OBJECT_COLOUR)]


def test_the_subject_is_red_and_the_object_green() -> None:
    drawn = draw_boxes(Image.new("RGB", (50, 40)), Box(5, 20, 10, 30), Box(22, 38, 2, 48))
    assert drawn.getpixel((10, 12)) == RED
    assert drawn.getpixel((20, 20)) == RED
    assert drawn.getpixel((25, 38)) == GREEN
    assert drawn.getpixel((20, 12)) == (0, 0, 0)


@pytest.mark.parametrize("size", [(20, 12), (64, 64), (480, 640), (4000, 3000), (900, 30)])
def test_both_boxes_and_the_caption_are_seen_at_any_size(size: tuple[int, int]) -> None:
    width, height = size
    image = Image.new("RGB", size, "white")
    subject = Box(0.1 * height, 0.5 * height, 0.1 * width, 0.4 * width)
    object_ = Box(0.4 * height, 0.9 * height, 0.5 * width, 0.9 * width)
    drawn = draw_described(image, subject, object_, CAPTION)
    scale = drawn.width / width
    assert max(drawn.size) >= 480
    assert scale >= 1
    picture = drawn.crop((0, 0, drawn.width, round(height * scale)))
    below = drawn.crop((0, picture.height, *drawn.size))
    for part in (picture, below):
        colours = {colour for _, colour in part.getcolors(maxcolors=1 << 24) or ()}
        assert {RED, GREEN} <= colours
    # Letters of at least ten pixels: what is smaller cannot be read.
    assert below.height >= 10


def test_a_long_caption_is_folded_and_no_word_is_lost() -> None:
    image = Image.new("RGB", (480, 100), "white")
    box = Box(1, 50, 1, 50)
    one = draw_described(image, box, box, CAPTION)
    many = draw_described(image, box, box, CAPTION * 20)
    assert many.height > one.height + 40
    assert many.width == one.width
    huge = draw_described(image, box, box, [Word("w" * 300, TEXT_COLOUR)])
    assert huge.width == one.width


def test_what_lies_outside_of_the_image_is_cut_off() -> None:
    image = Image.new("RGB", (480, 480))
    drawn = draw_described(image, Box(-50, 900, -50, 240), Box(100, 200, 100, 1e9), CAPTION)
    assert drawn.getpixel((240, 300)) == RED
    assert drawn.getpixel((0, 300)) == RED
    assert drawn.getpixel((479, 150)) == GREEN


@pytest.mark.parametrize("name", ["a.png", "a.JPG", "below/a.webp"])
def test_an_image_is_saved_in_the_format_of_its_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    require_suffix(path)
    save_image(Image.new("RGB", (8, 6), "red"), path)
    with Image.open(path) as saved:
        assert saved.size == (8, 6)
    assert [file.name for file in path.parent.iterdir() if file.is_file()] == [path.name]


@pytest.mark.parametrize("name", ["a.txt", "a", "a.psd"])
def test_a_name_of_no_format_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="no format of images that can be written"):
        require_suffix(Path(name))


def test_a_size_that_the_format_cannot_hold_is_told(tmp_path: Path) -> None:
    with pytest.raises(VsdkitError, match="cannot be saved"):
        save_image(Image.new("RGB", (70000, 1)), tmp_path / "a.jpg")
    assert list(tmp_path.iterdir()) == []
