"""Small copies of pictures: upright, small, named after their content, kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from vsdkit.data import jsonl
from vsdkit.errors import DataError, VsdkitError
from vsdkit.progress import SILENT
from vsdkit.report.page import Page
from vsdkit.report.thumbnails import make_thumbnails

ORIENTATION = 0x0112


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page(tmp_path / "report")


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, Path]:
    """Write a large noisy picture, one on its side, a copy of it and a file that is none."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.effect_noise((1200, 900), 90).convert("RGB").save(folder / "noise.jpg")
    side = Image.new("RGB", (640, 480), "red")
    exif = side.getexif()
    exif[ORIENTATION] = 6
    side.save(folder / "side.jpg", exif=exif)
    (folder / "copy.jpg").write_bytes((folder / "side.jpg").read_bytes())
    (folder / "broken.jpg").write_bytes(b"no picture")
    return {name: folder / name for name in ("noise.jpg", "side.jpg", "copy.jpg", "broken.jpg")}


def test_copies_are_small_upright_and_one_of_equal_pictures(
    page: Page, pictures: dict[str, Path]
) -> None:
    made = make_thumbnails(pictures, page, SILENT)
    noise, side = made.thumbnails["noise.jpg"], made.thumbnails["side.jpg"]
    assert (noise.width, noise.height) == (1200, 900)
    # As it is seen, and as its boxes are.
    assert (side.width, side.height) == (480, 640)
    assert made.thumbnails["copy.jpg"] == side
    with Image.open(page.folder / noise.path) as small:
        assert max(small.size) <= 360
    with Image.open(page.folder / side.path) as small:
        assert small.size == (270, 360)
    assert (page.folder / noise.path).stat().st_size <= 25_000
    assert [one.image for one in made.broken] == ["broken.jpg"]
    assert "not a picture that can be opened" in made.broken[0].reason


def test_a_name_with_folders_in_it_leads_nowhere(page: Page, pictures: dict[str, Path]) -> None:
    names = {"../../x": pictures["side.jpg"], "/etc/passwd": pictures["noise.jpg"]}
    made = make_thumbnails(names, page, SILENT)
    inside = sorted(path.name for path in page.thumbnails.iterdir())
    assert sorted(Path(one.path).name for one in made.thumbnails.values()) == inside
    assert {Path(one.path).parent.name for one in made.thumbnails.values()} == {"thumbs"}


def test_a_copy_that_is_there_is_kept_and_a_changed_picture_gets_another(
    page: Page, pictures: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = make_thumbnails(pictures, page, SILENT)
    kept = page.folder / before.thumbnails["noise.jpg"].path
    os.utime(kept, (1, 1))
    Image.new("RGB", (100, 50), "blue").save(pictures["side.jpg"])
    opened: list[str] = []
    from vsdkit.report import thumbnails

    read = thumbnails.read_image
    monkeypatch.setattr(
        thumbnails,
        "read_image",
        lambda content, *, where: opened.append(Path(where).name) or read(content, where=where),
    )
    after = make_thumbnails(pictures, page, SILENT)
    assert kept.stat().st_mtime == 1
    assert after.thumbnails["noise.jpg"] == before.thumbnails["noise.jpg"]
    assert sorted(opened) == ["broken.jpg", "side.jpg"]
    assert (after.thumbnails["side.jpg"].width, after.thumbnails["side.jpg"].height) == (100, 50)


def test_pictures_of_which_none_opens_are_one_error(
    page: Page, pictures: dict[str, Path], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    paths = {"a": pictures["broken.jpg"], "b": tmp_path / "pipe.jpg", "c": tmp_path / "gone.jpg"}
    with pytest.raises(DataError, match="none of the 3 pictures opens"):
        make_thumbnails(paths, page, SILENT)


def test_a_full_disk_is_one_error_and_leaves_no_torn_copy(
    page: Page, pictures: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(jsonl.os, "fsync", full)
    with pytest.raises(VsdkitError, match="cannot write: No space left"):
        make_thumbnails(pictures, page, SILENT)
    assert not list(page.thumbnails.iterdir())


def test_a_picture_of_one_pixel_and_a_long_one_have_copies(page: Page, tmp_path: Path) -> None:
    sizes = {"dot.png": (1, 1), "long.png": (3000, 2)}
    for name, size in sizes.items():
        Image.new("RGBA", size).save(tmp_path / name)
    made = make_thumbnails({name: tmp_path / name for name in sizes}, page, SILENT)
    assert {name: (one.width, one.height) for name, one in made.thumbnails.items()} == sizes
