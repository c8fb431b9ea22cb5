"""The published files are told by their content, and swapped ones are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vsdkit.data import published
from vsdkit.data.published import Known, PublishedFile, blob_id, recognise, refuse_swapped
from vsdkit.errors import AlignmentError

CONTENT = b'[{"img_id": "1"}]'
VAL_1, VAL_2 = PublishedFile("VSDv1", "val"), PublishedFile("VSDv2", "val")


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a small file for the published one of a split with a single image."""
    monkeypatch.setattr(published, "PUBLISHED", {blob_id(CONTENT): VAL_1})
    monkeypatch.setattr(published, "_IMAGES", {1: "val"})


def test_a_blob_id_is_gits() -> None:
    # printf 'what is up, doc?' | git hash-object --stdin; Pro Git, "Git Objects".
    assert blob_id(b"what is up, doc?") == "bd9dbf5aae1a3862dd1526723246b20206e5fc37"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (CONTENT, "VSDv1 val, as published"),
        (CONTENT + b"\r\n", "VSDv1 val, as published but for blanks and line ends"),
        (b"\xef\xbb\xbf" + CONTENT, "VSDv1 val, as published but for blanks and line ends"),
        (CONTENT.replace(b"{", b"\n {"), "VSDv1 val, as published but for blanks and line ends"),
        (CONTENT.replace(b"1", b"2"), "as many pictures as the published val split, but not one"),
    ],
)
def test_what_a_file_is_is_told(content: bytes, told: str) -> None:
    found = recognise(content, images=1)
    assert found.told.startswith(told)
    assert (found.file == VAL_1) == ("VSDv1" in told)


def test_a_file_of_another_size_is_not_known() -> None:
    assert recognise(CONTENT, images=2) == (None, "")


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (VAL_2, VAL_1, "swapped: the first is VSDv2 val, the second VSDv1 val"),
        (VAL_2, None, "the file named as VSDv1 is VSDv2 val"),
        (VAL_1, VAL_1, "the file named as VSDv2 is VSDv1 val"),
        (VAL_1, PublishedFile("VSDv2", "test"), "different splits: VSDv1 val and VSDv2 test"),
    ],
)
def test_files_in_each_others_place(
    first: PublishedFile | None, second: PublishedFile | None, message: str
) -> None:
    with pytest.raises(AlignmentError, match=message):
        refuse_swapped(Known(first, ""), Known(second, ""), v1_path=Path("a"), v2_path=Path("b"))


def test_files_that_belong_together_pass() -> None:
    for first, second in ((VAL_1, VAL_2), (VAL_1, None), (None, VAL_2), (None, None)):
        refuse_swapped(Known(first, ""), Known(second, ""), v1_path=Path("a"), v2_path=Path("b"))


@pytest.mark.skipif("VSDKIT_DATA" not in os.environ, reason="VSDKIT_DATA names no folder")
def test_the_public_validation_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for name, file in (("vsdv1_val.json", VAL_1), ("vsdv2_val.json", VAL_2)):
        content = (Path(os.environ["VSDKIT_DATA"]) / name).read_bytes()
        assert recognise(content, images=2_927).file == file
