"""What a server is sent is the picture that is opened here."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from vsdkit.data.images import ImageFile, data_url, open_image
from vsdkit.errors import DataError

ORIENTATION = 0x0112


def noise(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8)
    return Image.fromarray(pixels).convert(mode)


def turned(quarter: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = quarter
    return exif


def png_note(size: int) -> PngImagePlugin.PngInfo:
    note = PngImagePlugin.PngInfo()
    note.add_text("comment", "x" * size)
    return note


@pytest.mark.parametrize(
    ("name", "image", "saved", "as_it_is"),
    [
        ("a.png", noise(), {}, True),
        ("a.jpg", noise(), {}, True),
        ("a.jpg", noise(), {"exif": turned(1)}, True),
        ("a.jpg", noise(), {"exif": turned(6)}, False),
        ("a.png", noise(), {"exif": turned(3)}, False),
        ("grey.jpg", noise("L"), {}, False),
        ("cmyk.jpg", noise("CMYK"), {}, False),
        ("palette.png", noise("P"), {}, False),
        ("see-through.png", noise("RGBA"), {}, False),
        ("one-colour.png", noise(), {"transparency": (1, 2, 3)}, False),
        ("moving.png", noise(), {"save_all": True, "append_images": [noise("L")]}, False),
        ("a.webp", noise(), {}, False),
        ("a.bmp", noise(), {}, False),
        ("wide.png", noise("L").convert("I;16"), {}, False),
        ("a lot of text.png", noise(), {"pnginfo": png_note(9_000)}, False),
    ],
)
def test_a_server_sees_the_picture_that_is_opened_here(
    tmp_path: Path, name: str, image: Image.Image, saved: dict[str, Any], as_it_is: bool
) -> None:
    path = tmp_path / name
    image.save(path, **saved)
    head, _, packed = data_url(ImageFile.measure(path)).partition(";base64,")
    content = base64.b64decode(packed)
    assert (content == path.read_bytes()) == as_it_is
    with Image.open(BytesIO(content)) as seen:
        assert head == f"data:image/{(seen.format or '').lower()}"
        # Servers look at pixels alone, and most do not turn them upright.
        assert np.array_equal(np.asarray(seen.convert("RGB")), np.asarray(open_image(path)))


def test_a_picture_that_changed_since_it_was_opened_is_not_sent(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    noise().save(path)
    image = ImageFile.measure(path)
    noise(size=(9, 9)).save(path)
    with pytest.raises(DataError, match="changed since") as caught:
        data_url(image)
    assert caught.value.where == image.path
    path.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        data_url(image)
