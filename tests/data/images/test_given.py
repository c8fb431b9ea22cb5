"""Images as programs hold them open as files do, and what is no image is one clear error."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vsdkit.data.images import open_given, open_image
from vsdkit.errors import DataError, MissingInputError

_ORIENTATION = 0x0112


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photograph that was taken with the camera on its side: 30 high and 20 wide upright."""
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:10, :, 0] = 200
    pixels[:, 20:, 2] = 90
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    Image.fromarray(pixels).save(tmp_path / "photo.png", exif=exif)
    return tmp_path / "photo.png"


def test_every_form_of_a_file_opens_the_same_upright_image(photo: Path) -> None:
    expected = open_image(photo)
    assert expected.size == (20, 30)
    with Image.open(photo) as lazy:
        forms: list[Any] = [photo, str(photo), photo.read_bytes(), bytearray(photo.read_bytes())]
        for form in [*forms, lazy, np.asarray(expected)]:
            opened = open_given(form)
            assert (opened.mode, opened.size) == ("RGB", (20, 30))
            assert opened.tobytes() == expected.tobytes()


def test_heif_in_memory_opens_as_in_a_file(tmp_path: Path) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    Image.new("RGB", (32, 16), (10, 200, 30)).save(tmp_path / "phone.heic")
    content = (tmp_path / "phone.heic").read_bytes()
    assert open_given(content).tobytes() == open_image(tmp_path / "phone.heic").tobytes()


def test_grey_arrays_and_views_are_taken() -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.array_equal(np.asarray(open_given(grey))[..., 2], grey)
    bgr = np.zeros((3, 4, 3), np.uint8)
    bgr[..., 0] = 255
    assert open_given(bgr[:, :, ::-1]).getpixel((0, 0)) == (0, 0, 255)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((3, 4, 4), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4), np.bool_),
    ],
    ids=["floats", "four channels", "channels first", "a batch", "empty", "a mask"],
)
def test_other_arrays_are_refused_with_their_shape(array: np.ndarray) -> None:
    with pytest.raises(DataError, match="no picture: an array of") as caught:
        open_given(array)
    assert str(list(array.shape)) in caught.value.message
    assert "[height, width, 3]" in caught.value.message


def test_what_is_given_is_not_changed() -> None:
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    before = image.tobytes()
    assert open_given(image).getpixel((0, 0)) == (255, 255, 255)
    assert image.tobytes() == before


def test_what_is_not_there_or_does_not_open_is_named(tmp_path: Path, photo: Path) -> None:
    with pytest.raises(MissingInputError, match="no such picture") as caught:
        open_given(tmp_path / "none.jpg")
    assert caught.value.where == str(tmp_path / "none.jpg")
    with pytest.raises(MissingInputError, match="a folder, expected a picture"):
        open_given(tmp_path)
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(DataError, match="not a picture that can be opened") as broken:
        open_given(tmp_path / "text.jpg")
    # Nobody has rows here that could be left out.
    assert "--skip-broken" not in broken.value.hint
    cut = photo.read_bytes()[:-30]
    with pytest.raises(DataError, match="not a picture that can be opened") as bytes_:
        open_given(cut)
    assert "BytesIO" not in str(bytes_.value)
    with pytest.raises(DataError, match="a Pillow image that cannot be read"):
        open_given(Image.open(io.BytesIO(cut)))
    with pytest.raises(DataError, match="0 x 5 pixels"):
        open_given(Image.new("RGB", (0, 5)))


@pytest.mark.parametrize("thing", [None, 3, ["a.jpg"]])
def test_anything_else_is_a_programming_error(thing: Any) -> None:
    with pytest.raises(TypeError, match="a path, bytes, a Pillow image or a numpy array"):
        open_given(thing)
