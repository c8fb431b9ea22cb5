"""What an image shows is what is opened, whatever the file holds; golden pixels of each kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsdkit.data.images import open_image, to_rgb
from vsdkit.data.images.opening import read_size
from vsdkit.errors import DataError


def test_a_picture_is_turned_as_its_camera_noted(tmp_path: Path) -> None:
    picture = Image.new("RGB", (6, 4), "blue")
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: the camera was turned by 90 degrees.
    picture.save(tmp_path / "1.jpg", exif=exif)
    assert open_image(tmp_path / "1.jpg").size == (4, 6)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".heic"])
@pytest.mark.parametrize("orientation", range(10))
def test_the_size_in_the_header_is_that_of_the_opened_picture(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    if suffix == ".heic":
        import pillow_heif

        pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"1{suffix}"
    Image.new("RGB", (64, 40), "blue").save(path, exif=exif)
    opened = open_image(path)
    assert read_size(path) == (opened.height, opened.width)


def test_a_file_that_is_no_picture_has_no_size(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(b"no picture")
    assert read_size(tmp_path / "1.jpg") is None
    assert read_size(tmp_path / "2.jpg") is None


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1", "RGB"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("1.tif" if mode == "CMYK" else "1.png")
    Image.new("RGB", (3, 2), "white").convert(mode).save(path)
    opened = open_image(path)
    assert (opened.mode, opened.getpixel((0, 0))) == ("RGB", (255, 255, 255))


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 2), (255, 0, 0, 0)).save(tmp_path / "1.png")
    assert open_image(tmp_path / "1.png").getpixel((0, 0)) == (255, 255, 255)


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    Image.fromarray(np.full((2, 2), 0x8000, dtype=np.uint16)).save(tmp_path / "1.png")
    assert open_image(tmp_path / "1.png").getpixel((0, 0)) == (128, 128, 128)


def test_a_phones_picture_is_opened(tmp_path: Path) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    Image.new("RGB", (64, 48), "white").save(tmp_path / "1.HEIC", format="HEIF")
    assert open_image(tmp_path / "1.HEIC").size == (64, 48)


@pytest.mark.parametrize("kept", [0, 20, 300])
def test_a_broken_picture_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "1.jpg"
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match="not a picture that can be opened") as caught:
        open_image(path)
    assert caught.value.where == str(path)


def test_a_phones_picture_under_another_name_is_opened(tmp_path: Path) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    Image.new("RGB", (64, 48), "white").save(tmp_path / "1.jpg", format="HEIF")
    assert open_image(tmp_path / "1.jpg").size == (64, 48)


def test_of_a_moving_picture_the_first_is_taken(tmp_path: Path) -> None:
    first, second = (Image.new("RGB", (4, 4), colour) for colour in ("red", "blue"))
    first.save(tmp_path / "1.gif", save_all=True, append_images=[second])
    assert open_image(tmp_path / "1.gif").getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize(
    ("image", "colour"),
    [
        (Image.new("I;16", (3, 3), 65535), (255, 255, 255)),
        (Image.new("I", (3, 3), 257 * 40), (40, 40, 40)),
        (Image.new("LA", (3, 3), (9, 255)), (9, 9, 9)),
        (Image.new("RGB", (3, 3), (1, 2, 3)).quantize(4), (1, 2, 3)),
        (Image.new("CMYK", (3, 3), (0, 0, 0, 0)), (255, 255, 255)),
    ],
    ids=lambda value: getattr(value, "mode", None),
)
def test_pictures_in_memory_become_rgb_too(
    image: Image.Image, colour: tuple[int, int, int]
) -> None:
    assert (to_rgb(image).mode, to_rgb(image).getpixel((1, 1))) == ("RGB", colour)


RAMP = [0, 1, 255, 256, 32768, 65535]


@pytest.mark.parametrize(
    ("pixels", "shown"),
    [
        # 16 bits are 16 bits, however dark.
        (np.array([RAMP], np.uint16), [0, 0, 0, 1, 128, 255]),
        (np.array([[0, 16, 4095]], np.uint16), [0, 0, 15]),
        # Wider numbers: as few bits as hold all of them, else from the darkest to the brightest.
        (np.array([RAMP], np.int32), [0, 0, 0, 1, 128, 255]),
        (np.array([[0, 7, 255]], np.int32), [0, 7, 255]),
        (np.array([[0, 2**30, 2**31 - 128]], np.int32), [0, 127, 255]),
        (np.array([[-100, 0, 100]], np.int32), [0, 127, 255]),
        (np.array([[0, 0.5, 1]], np.float32), [0, 127, 255]),
        (np.array([[0, 127.5, 255]], np.float32), [0, 127, 255]),
        (np.array([[0, 1000, 65535]], np.float32), [0, 3, 255]),
        (np.array([[-1, 0, 1]], np.float32), [0, 127, 255]),
        (np.array([[np.nan, 0.5, np.inf, -np.inf, 1, 0]], np.float32), [0, 127, 255, 0, 255, 0]),
        (np.array([[np.nan, np.nan]], np.float32), [0, 0]),
        (np.array([[1e6, 1e6]], np.float32), [0, 0]),
    ],
)
def test_a_gradient_stays_a_gradient(pixels: np.ndarray, shown: list[int]) -> None:
    opened = np.asarray(to_rgb(Image.fromarray(pixels)))
    assert opened[0].tolist() == [[level] * 3 for level in shown]


@pytest.mark.parametrize("mode", ["I;16", "I;16B"])
def test_both_orders_of_bytes_are_read(tmp_path: Path, mode: str) -> None:
    order = ">u2" if mode == "I;16B" else "<u2"
    image = Image.frombytes(mode, (6, 1), np.array(RAMP, dtype=order).tobytes())
    assert np.asarray(to_rgb(image))[0, :, 0].tolist() == [0, 0, 0, 1, 128, 255]
    image.save(tmp_path / "1.tif")
    assert np.asarray(open_image(tmp_path / "1.tif"))[0, :, 0].tolist() == [0, 0, 0, 1, 128, 255]


def test_nothing_but_pixels_is_left_of_an_image(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 4)).save(tmp_path / "1.jpg", exif=exif, icc_profile=b"1234")
    opened = open_image(tmp_path / "1.jpg")
    assert opened.info == {}
    assert opened.getexif().get(0x0112) is None
    assert to_rgb(opened).size == opened.size, "not turned a second time"


@pytest.mark.parametrize(
    "error",
    [
        OSError("cut"),
        SyntaxError("bad"),
        RuntimeError("plug-in\n said so"),
        MemoryError(),
        OverflowError("large"),
        EOFError(),
        Image.DecompressionBombError("bomb"),
        KeyError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_goes_wrong_is_one_error_that_names_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    Image.new("RGB", (4, 4)).save(tmp_path / "1.png")
    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(DataError, match="not a picture that can be opened: ") as caught:
        open_image(tmp_path / "1.png")
    assert caught.value.where == str(tmp_path / "1.png")
    assert "\n" not in caught.value.message
    assert "--skip-broken" in caught.value.hint


def test_cut_images_are_refused_whatever_others_set() -> None:
    """Some packages let Pillow pad cut images with grey; nothing here does."""
    from PIL import ImageFile

    assert not ImageFile.LOAD_TRUNCATED_IMAGES
