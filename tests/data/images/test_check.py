"""Every image is opened and hashed once before work; what does not open is named at once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vsdkit.data.images import (
    CheckedImages,
    FoundImages,
    ImageFile,
    ImageFolders,
    check_images,
    open_image,
)
from vsdkit.data.images.file import note_images, read_noted_images
from vsdkit.errors import DataError
from vsdkit.manifest import hash_file
from vsdkit.progress import SILENT


class Heard:
    """A listener that remembers messages."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)

    def track(self, description: str, *, total: int | None) -> Any:
        return SILENT.track(description, total=total)


def _check(paths: dict[str, Path], **options: Any) -> CheckedImages:
    return check_images(FoundImages(paths), **options)


def _noise(path: Path, size: tuple[int, int] = (64, 48)) -> Path:
    import pillow_heif

    pillow_heif.register_heif_opener()
    image, more = Image.effect_noise(size, 50), {}
    if path.suffix == ".mpo":
        more = {"save_all": True, "append_images": [Image.effect_noise(size, 50)]}
    image.save(path, **more)
    return path


def test_the_check_gives_files_and_upright_sizes(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 20)).save(tmp_path / "a.jpg", exif=exif)
    _noise(tmp_path / "b.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "b.png")
    paths = {name: tmp_path / name for name in ("a.jpg", "b.png", "link.png")}
    images = _check(paths).files
    assert list(images) == list(paths)
    assert (images["a.jpg"].height, images["a.jpg"].width) == (30, 20)
    assert (images["b.png"].height, images["b.png"].width) == (48, 64)
    assert images["link.png"] == images["b.png"]
    state = (tmp_path / "b.png").stat()
    assert images["b.png"][3:6] == (state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    assert images["b.png"].sha256 == hash_file(tmp_path / "b.png")


def test_the_check_counts_and_names_what_does_not_open(tmp_path: Path) -> None:
    paths = {f"{n}.jpg": _noise(tmp_path / f"{n}.jpg") for n in range(9)}
    for n in (1, 4, 5, 7):
        whole = paths[f"{n}.jpg"].read_bytes()
        paths[f"{n}.jpg"].write_bytes(whole[: len(whole) // 2])
    paths["8.jpg"].unlink()
    with pytest.raises(DataError, match="5 of 9 pictures do not open: not a picture") as caught:
        _check(paths)
    shown = ", ".join(str(tmp_path / f"{n}.jpg") for n in (1, 4, 5))
    assert caught.value.where == f"{shown}, ..."
    assert "leave their rows out: --skip-broken" in caught.value.hint


@pytest.mark.parametrize("trailing", [b"", b"\0\0", b"notes of a camera"])
def test_what_follows_the_end_of_a_jpeg_is_no_fault(tmp_path: Path, trailing: bytes) -> None:
    path = _noise(tmp_path / "1.jpg")
    path.write_bytes(path.read_bytes() + trailing)
    assert _check({"1.jpg": path}).files["1.jpg"][1:3] == (48, 64)


@pytest.mark.parametrize(
    "suffix", ["jpg", "png", "gif", "webp", "bmp", "tif", "mpo", "heic", "avif", "jp2"]
)
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
        for attempt in (lambda: _check({"1": path}), lambda: open_image(path)):
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
    before = _check(paths).files
    _noise(paths["1.png"], (80, 60))
    again: list[Path] = []
    monkeypatch.setattr(
        "vsdkit.data.images.file.open_image", lambda path: (again.append(path), open_image(path))[1]
    )
    after = _check(paths, opened=before).files
    assert again == [paths["1.png"]]
    assert after["1.png"][1:3] == (60, 80)
    assert after == before | {"1.png": after["1.png"]}
    assert isinstance(after["1.png"], ImageFile)


def test_empty_images_are_named_with_the_others(tmp_path: Path) -> None:
    paths = {f"{n}.jpg": _noise(tmp_path / f"{n}.jpg") for n in range(5)}
    for n in (1, 3):
        paths[f"{n}.jpg"].write_bytes(b"")
    paths["4.jpg"].write_bytes(b"no picture")
    rejects = tmp_path / "rejects.jsonl"
    with pytest.raises(DataError, match=r"3 of 5 pictures do not open: .*the file is empty"):
        _check(paths, rejects=rejects)
    rows = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [row["image"] for row in rows] == ["1.jpg", "3.jpg", "4.jpg"]
    assert [row["path"] for row in rows] == [str(paths[row["image"]]) for row in rows]
    checked = _check(paths, rejects=rejects, skip_broken=True)
    assert list(checked.files) == ["0.jpg", "2.jpg"]
    assert checked.left_out == ["1.jpg", "3.jpg", "4.jpg"]
    assert checked.identity()["left_out_images"] == checked.left_out
    paths = {"0.jpg": paths["0.jpg"]}
    _check(paths, rejects=rejects)
    assert rejects.read_text() == "", "nothing to list"


def test_a_whole_copy_in_a_later_folder_is_taken_and_told(tmp_path: Path) -> None:
    tops = [tmp_path / name for name in "abc"]
    for top in tops:
        top.mkdir()
        _noise(top / "1.jpg")
        _noise(top / "2.jpg")
    (tops[0] / "1.jpg").write_bytes(b"")
    (tops[1] / "1.jpg").write_bytes((tops[1] / "1.jpg").read_bytes()[:300])
    heard = Heard()
    checked = check_images(ImageFolders(tops).find_all(["1.jpg", "2.jpg"]), listener=heard)
    assert checked.files["1.jpg"].path == os.path.realpath(tops[2] / "1.jpg")
    assert checked.files["2.jpg"].path == os.path.realpath(tops[0] / "2.jpg")
    (said,) = heard.messages
    assert said.startswith("1 pictures do not open; a whole copy is taken from a later folder: 1.j")
    (tops[2] / "1.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="1 of 2 pictures do not open") as caught:
        check_images(ImageFolders(tops).find_all(["1.jpg", "2.jpg"]))
    assert caught.value.where == str(tops[0] / "1.jpg")


def test_the_identity_is_the_content_under_its_names(tmp_path: Path) -> None:
    paths = {name: _noise(tmp_path / name) for name in ("1.png", "2.png")}
    before = _check(paths).identity()
    (tmp_path / "moved").mkdir()
    moved = {name: path.rename(tmp_path / "moved" / name) for name, path in paths.items()}
    assert _check(moved).identity() == before
    swapped = {"1.png": moved["2.png"], "2.png": moved["1.png"]}
    assert _check(swapped).identity() != before


def test_a_change_that_keeps_size_and_time_of_modification_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "1.bmp"
    Image.new("RGB", (8, 8), "red").save(path)
    before = _check({"1": path}).files
    state = path.stat()
    Image.new("RGB", (8, 8), "blue").save(path)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (state.st_size, state.st_mtime_ns)
    assert _check({"1": path}, opened=before).files["1"].sha256 != before["1"].sha256


def test_notes_of_images_are_read_again(tmp_path: Path) -> None:
    (tmp_path / "a folder").mkdir()
    images = _check({"1": _noise(tmp_path / "a folder" / "1 2.png")}).files
    noted = json.loads(json.dumps(note_images(images)))
    assert read_noted_images(noted) == images
    # An older version's, and what is no note.
    for other in (None, [], {"1": ["/1.png", 4, 4, 9, 9]}, {"1": "1 2 3"}, {"1": "a b c d e f g"}):
        assert read_noted_images(other) == {}


def test_a_pipe_is_no_image_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1.jpg")
    with pytest.raises(DataError, match="1 of 1 pictures do not open: not a file"):
        _check({"1.jpg": tmp_path / "1.jpg"})
