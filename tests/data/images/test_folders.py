"""Which file a name in the rows stands for, and which names stand for none or for several."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from vsdkit.data.images import ImageFolders, check_images
from vsdkit.errors import DataError, MissingInputError


def _write(path: Path, content: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content or str(path))
    return path


def find(folders: ImageFolders, image: str) -> Path | None:
    return folders.find_all([image]).paths.get(image)


def test_pictures_are_found_in_and_below_folders_earlier_ones_first(tmp_path: Path) -> None:
    first = _write(tmp_path / "a" / "deep" / "1.jpg")
    _write(tmp_path / "b" / "1.jpg")
    second = _write(tmp_path / "b" / "2.jpg")
    folders = ImageFolders([tmp_path / "a", tmp_path / "b"])
    assert find(folders, "1.jpg") == first
    assert find(folders, "2.jpg") == second
    assert find(folders, "3.jpg") is None
    assert folders.find_all(["1.jpg", "1.jpg"]).paths == {"1.jpg": first}


def test_a_name_with_a_folder_is_never_another_folders_file(tmp_path: Path) -> None:
    _write(tmp_path / "photos" / "day1" / "IMG_0001.jpg")
    second = _write(tmp_path / "photos" / "trip" / "day2" / "IMG_0002.jpg")
    folders = ImageFolders([tmp_path / "photos"])
    assert find(folders, "day2/IMG_0002.jpg") == second
    assert find(folders, "trip/day2/IMG_0002.jpg") == second
    assert find(folders, "day2/IMG_0001.jpg") is None
    assert find(folders, "ay2/IMG_0002.jpg") is None
    found = folders.find_all(["day2/IMG_0001.jpg"])
    with pytest.raises(
        MissingInputError, match=r"1 of 1 pictures not found: day2/IMG_0001\.jpg"
    ) as e:
        found.require()
    assert "day1/IMG_0001.jpg has that name and lies in another folder" in e.value.hint


def test_the_named_folder_may_be_the_one_of_the_name(tmp_path: Path) -> None:
    inner = _write(tmp_path / "flickr" / "1.jpg")
    _write(tmp_path / "1.jpg")
    for top in (tmp_path, tmp_path / "flickr"):
        assert find(ImageFolders([top]), "flickr/1.jpg") == inner


def test_windows_parts_a_name_by_backslashes(tmp_path: Path) -> None:
    inner = _write(tmp_path / "day2" / "1.jpg")
    assert find(ImageFolders([tmp_path]), "day2\\1.jpg") == inner


def test_a_name_does_not_lead_out_of_the_folders(tmp_path: Path) -> None:
    outside = _write(tmp_path / "outside.jpg")
    inside = _write(tmp_path / "photos" / "a" / "1.jpg")
    folders = ImageFolders([tmp_path / "photos"])
    for name in ("../outside.jpg", "a/../../outside.jpg", str(outside), "..", ".", "/", "", "a"):
        assert find(folders, name) is None
    assert find(folders, "./a/1.jpg") == inside
    assert find(folders, str(inside)) == inside, "an absolute name below a folder"
    with pytest.raises(MissingInputError) as caught:
        folders.find_all(["a/../a/1.jpg"]).require()
    assert "without '..'" in caught.value.hint


def test_two_pictures_of_one_name_below_one_folder_are_told_apart_or_refused(
    tmp_path: Path,
) -> None:
    one = _write(tmp_path / "photos" / "day1" / "1.jpg")
    other = _write(tmp_path / "photos" / "day2" / "1.jpg")
    folders = ImageFolders([tmp_path / "photos"])
    assert find(folders, "day2/1.jpg") == other
    with pytest.raises(DataError, match="1 of 1 names of pictures stand for several: ") as caught:
        folders.find_all(["1.jpg"]).require()
    assert str(one) in caught.value.message
    assert str(other) in caught.value.message
    assert "day2/IMG_0001.jpg" in caught.value.hint
    # The folder that is meant, named first.
    assert find(ImageFolders([tmp_path / "photos" / "day2", tmp_path / "photos"]), "1.jpg") == other


def test_copies_and_empty_files_of_one_name_are_no_other_picture(tmp_path: Path) -> None:
    _write(tmp_path / "a" / "1.jpg").write_bytes(b"")
    first = _write(tmp_path / "b" / "1.jpg", "the same")
    _write(tmp_path / "c" / "1.jpg", "the same")
    found = ImageFolders([tmp_path]).find_all(["1.jpg"])
    assert (found.paths, found.ambiguous) == ({"1.jpg": first}, [])


def test_a_name_is_a_path_below_the_folder_first_of_all(tmp_path: Path) -> None:
    top = _write(tmp_path / "1.jpg")
    _write(tmp_path / "a" / "1.jpg")
    found = ImageFolders([tmp_path]).find_all(["1.jpg"])
    assert (found.paths, found.ambiguous) == ({"1.jpg": top}, [])


@pytest.mark.parametrize("there", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
def test_both_forms_of_an_accent_are_one_name(tmp_path: Path, there: str, asked: str) -> None:
    path = _write(tmp_path / unicodedata.normalize(there, "été") / f"{there}.jpg")
    path = path.rename(path.with_name(unicodedata.normalize(there, "café.jpg")))
    folders = ImageFolders([tmp_path])
    assert find(folders, unicodedata.normalize(asked, "café.jpg")) == path
    assert find(folders, unicodedata.normalize(asked, "été/café.jpg")) == path


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ("1.jpg", "1.JPG"),
        ("1.JPG", "1.jpg"),
        ("1.jpg", "1.jpeg"),
        ("1.jpeg", "1.jfif"),
        ("1.jpg", "1.jpe"),
        ("scan.tif", "scan.TIFF"),
        ("scan.avif", "scan.AVIF"),
        ("phone.heic", "phone.HEIF"),
        ("nyu_r-12.10-39.png", "nyu_r-12.10-39.PNG"),
        ("2670.jpg", "2670.png"),
        ("2670", "2670.webp"),
        ("2670", "2670.JPG"),
        ("2670.jpg", "2670"),
    ],
)
def test_another_spelling_of_the_suffix_is_found(tmp_path: Path, asked: str, there: str) -> None:
    assert find(ImageFolders([_write(tmp_path / there).parent]), asked) == tmp_path / there


@pytest.mark.parametrize(
    ("asked", "there"),
    [("cat.jpg", "cat.png"), ("cat.png", "cat.webp"), ("2670.png", "2670.jpg"), ("A.jpg", "a.jpg")],
)
def test_another_name_is_not_found(tmp_path: Path, asked: str, there: str) -> None:
    folders = ImageFolders([_write(tmp_path / there).parent])
    assert find(folders, asked) is None
    with pytest.raises(MissingInputError) as caught:
        folders.find_all([asked]).require()
    if asked[0] == there[0]:
        assert f"{there} has another extension" in caught.value.hint


def test_the_name_itself_goes_before_other_spellings(tmp_path: Path) -> None:
    _write(tmp_path / "a" / "1.JPG")
    _write(tmp_path / "a" / "1.png")
    exact = _write(tmp_path / "b" / "1.jpg")
    assert find(ImageFolders([tmp_path / "a", tmp_path / "b"]), "1.jpg") == exact


def test_a_number_found_with_another_suffix_is_told(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "2670.png")
    said: list[str] = []

    class Heard:
        def message(self, text: str) -> None:
            said.append(text)

        def track(self, description: str, *, total: int | None) -> object:
            from vsdkit.progress import SILENT

            return SILENT.track(description, total=total)

    check_images(ImageFolders([tmp_path]).find_all(["2670.jpg"]), listener=Heard())
    assert [text.split(":")[0] for text in said] == [
        "1 pictures are numbers without extension and found with another one than .jpg"
    ]


def test_a_name_without_suffix_may_stand_for_several_files(tmp_path: Path) -> None:
    for name in ("day1/a.b.JPG", "day2/12.png", "day2/a.webp", "day2/c.jpg", "day3/c.png"):
        _write(tmp_path / name)
    folders = ImageFolders([tmp_path])
    assert folders.find_names("a.b") == ["a.b.JPG"]
    assert folders.find_names("day2/12") == ["day2/12.png"]
    assert folders.find_names("c") == ["c.jpg", "c.png"]
    assert folders.find_names("day3/c") == ["day3/c.png"]
    assert folders.find_names("b") == folders.find_names("day1/12") == []


def test_a_link_to_the_folder_above_does_not_lead_in_circles(tmp_path: Path) -> None:
    picture = _write(tmp_path / "a" / "b" / "1.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "b" / "again").symlink_to(tmp_path / "a")
    folders = ImageFolders([tmp_path])
    assert folders.find_all(["1.jpg"]).paths == {"1.jpg": picture}
    assert len((folders._files or {})["1"]) == 1


def test_folders_are_found_by_their_links_names_too(tmp_path: Path) -> None:
    _write(tmp_path / "real" / "1.jpg")
    (tmp_path / "also").symlink_to(tmp_path / "real")
    folders = ImageFolders([tmp_path])
    assert find(folders, "real/1.jpg") == tmp_path / "real" / "1.jpg"
    assert find(folders, "also/1.jpg") == tmp_path / "also" / "1.jpg"
    assert not folders.find_all(["1.jpg"]).ambiguous


def test_hidden_folders_are_passed_over(tmp_path: Path) -> None:
    _write(tmp_path / ".thumbnails" / "1.jpg")
    seen = _write(tmp_path / "x" / "1.jpg")
    assert ImageFolders([tmp_path]).find_all(["1.jpg"]).paths == {"1.jpg": seen}


def test_missing_pictures_are_counted_and_the_first_named(tmp_path: Path) -> None:
    _write(tmp_path / "0.jpg")
    found = ImageFolders([tmp_path]).find_all(f"{number}.jpg" for number in range(6))
    with pytest.raises(MissingInputError, match=r"5 of 6 pictures not found: 1.jpg, 2.jpg, 3.jpg,"):
        found.require()


def test_missing_and_broken_pictures_are_listed_together(tmp_path: Path) -> None:
    _write(tmp_path / "broken.jpg")
    Image.new("RGB", (4, 4)).save(tmp_path / "whole.jpg")
    names = ["whole.jpg", "broken.jpg", "missing.jpg"]
    rejects = tmp_path / "rejects.jsonl"
    found = ImageFolders([tmp_path]).find_all(names)
    for skip_broken in (False, True):
        with pytest.raises(MissingInputError, match=r"1 of 3 .* missing.jpg; 1 more do not open"):
            check_images(found, rejects=rejects, skip_broken=skip_broken)
    rows = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [(row["image"], row["path"]) for row in rows] == [
        ("missing.jpg", None),
        ("broken.jpg", str(tmp_path / "broken.jpg")),
    ]
    assert all(row["reason"] for row in rows)


def test_folders_must_be_named_and_there(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no folder of pictures named"):
        ImageFolders([])
    with pytest.raises(MissingInputError, match="no such folder of pictures"):
        ImageFolders([tmp_path / "nowhere"])
