"""Names of images, where they are found, how they are opened, and the check of many at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsdkit.data.images import (
    ImageFile,
    ImageFolders,
    check_images,
    image_name,
    open_image,
    to_rgb,
)
from vsdkit.errors import DataError, MissingInputError


@pytest.mark.parametrize(
    ("image_id", "name"),
    [
        ("2670", "2670.jpg"),
        ("123_abc.jpg", "123_abc.jpg"),
        ("nyu_office_0012_r-12.10-39.png", "nyu_office_0012_r-12.10-39.png"),
        ("nyu_office_0012_r-12.10-39", "nyu_office_0012_r-12.10-39.jpg"),
        ("A.JPEG", "A.JPEG"),
    ],
)
def test_only_a_picture_suffix_is_a_suffix(image_id: str, name: str) -> None:
    assert image_name(image_id) == name


def _touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_pictures_are_found_in_and_below_folders_earlier_ones_first(tmp_path: Path) -> None:
    first = _touch(tmp_path / "a" / "deep" / "1.jpg")
    _touch(tmp_path / "b" / "1.jpg")
    second = _touch(tmp_path / "b" / "2.jpg")
    folders = ImageFolders([tmp_path / "a", tmp_path / "b"])
    assert folders.find("2.jpg") == second
    assert folders.find("3.jpg") is None
    assert ImageFolders([tmp_path / "a"]).find_all(["1.jpg", "1.jpg"]) == {"1.jpg": first}


def test_a_name_with_a_folder_is_looked_for_as_it_is_first(tmp_path: Path) -> None:
    _touch(tmp_path / "1.jpg")
    inner = _touch(tmp_path / "flickr" / "1.jpg")
    assert ImageFolders([tmp_path]).find("flickr/1.jpg") == inner
    assert ImageFolders([tmp_path / "flickr"]).find("flickr/1.jpg") == inner


def test_a_link_to_the_folder_above_does_not_lead_in_circles(tmp_path: Path) -> None:
    picture = _touch(tmp_path / "a" / "b" / "1.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "b" / "again").symlink_to(tmp_path / "a")
    folders = ImageFolders([tmp_path])
    assert folders.find("1.jpg") == picture
    assert list(folders._paths or {}) == ["1.jpg"]


def test_missing_pictures_are_counted_and_the_first_named(tmp_path: Path) -> None:
    _touch(tmp_path / "0.jpg")
    names = [f"{number}.jpg" for number in range(6)]
    with pytest.raises(MissingInputError, match=r"5 of 6 pictures not found: 1.jpg, 2.jpg, 3.jpg,"):
        ImageFolders([tmp_path]).find_all(names)


def test_folders_must_be_named_and_there(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no folder of pictures named"):
        ImageFolders([])
    with pytest.raises(MissingInputError, match="no such folder of pictures"):
        ImageFolders([tmp_path / "nowhere"])


def test_a_picture_is_turned_as_its_camera_noted(tmp_path: Path) -> None:
    picture = Image.new("RGB", (6, 4), "blue")
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: the camera was turned by 90 degrees.
    picture.save(tmp_path / "1.jpg", exif=exif)
    assert open_image(tmp_path / "1.jpg").size == (4, 6)


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
    assert image_name("1.gif") == "1.gif"
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


def _noise(path: Path, size: tuple[int, int] = (64, 48)) -> Path:
    Image.effect_noise(size, 50).save(path)
    return path


def test_the_check_gives_files_and_upright_sizes(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 20)).save(tmp_path / "a.jpg", exif=exif)
    _noise(tmp_path / "b.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "b.png")
    paths = {name: tmp_path / name for name in ("a.jpg", "b.png", "link.png")}
    images = check_images(paths)
    assert list(images) == list(paths)
    assert (images["a.jpg"].height, images["a.jpg"].width) == (30, 20)
    assert (images["b.png"].height, images["b.png"].width) == (48, 64)
    assert images["link.png"] == images["b.png"]
    state = (tmp_path / "b.png").stat()
    assert images["b.png"][3:] == (state.st_size, state.st_mtime_ns)


def test_the_check_counts_and_names_what_does_not_open(tmp_path: Path) -> None:
    paths = {f"{n}.jpg": _noise(tmp_path / f"{n}.jpg") for n in range(9)}
    for n in (1, 4, 5, 7):
        whole = paths[f"{n}.jpg"].read_bytes()
        paths[f"{n}.jpg"].write_bytes(whole[: len(whole) // 2])
    paths["8.jpg"].unlink()
    with pytest.raises(DataError, match="5 of 9 pictures do not open: not a picture") as caught:
        check_images(paths)
    shown = ", ".join(str(tmp_path / f"{n}.jpg") for n in (1, 4, 5))
    assert caught.value.where == f"{shown}, ..."
    assert "leave its rows out" in caught.value.hint


@pytest.mark.parametrize("trailing", [b"", b"\0\0", b"notes of a camera"])
def test_what_follows_the_end_of_a_jpeg_is_no_fault(tmp_path: Path, trailing: bytes) -> None:
    path = _noise(tmp_path / "1.jpg")
    path.write_bytes(path.read_bytes() + trailing)
    assert check_images({"1.jpg": path})["1.jpg"][1:3] == (48, 64)


# Pillow warns of a TIFF's directory before it fails.
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data", "ignore:Possibly corrupt EXIF data")
@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "webp", "bmp", "tif"])
def test_the_check_and_the_opening_agree_wherever_a_file_is_cut(
    tmp_path: Path, suffix: str
) -> None:
    """Headers alone do not tell: what the check passes must open, and nothing else may pass."""
    path = _noise(tmp_path / f"1.{suffix}")
    whole = path.read_bytes()
    opened = []
    for kept in {*range(0, len(whole), max(1, len(whole) // 40)), len(whole)}:
        path.write_bytes(whole[:kept])
        outcomes = []
        for attempt in (lambda: check_images({"1": path}), lambda: open_image(path)):
            try:
                attempt()
                outcomes.append(True)
            except DataError:
                outcomes.append(False)
        assert outcomes[0] == outcomes[1], kept
        opened.append(outcomes[0])
    assert set(opened) == {True, False}


def test_an_image_that_is_as_it_was_is_not_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {f"{n}.png": _noise(tmp_path / f"{n}.png") for n in range(3)}
    before = check_images(paths)
    _noise(paths["1.png"], (80, 60))
    again: list[Path] = []
    monkeypatch.setattr(
        "vsdkit.data.images.open_image", lambda path: (again.append(path), open_image(path))[1]
    )
    after = check_images(paths, opened=before)
    assert again == [paths["1.png"]]
    assert after["1.png"][1:3] == (60, 80)
    assert after == before | {"1.png": after["1.png"]}
    assert isinstance(after["1.png"], ImageFile)
