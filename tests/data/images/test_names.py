"""Names of images: only a suffix of an image is one."""

from __future__ import annotations

import pytest

from vsdkit.data.images import image_name
from vsdkit.data.images.names import ImageName


@pytest.mark.parametrize(
    ("image_id", "name"),
    [
        ("2670", "2670.jpg"),
        ("123_abc.jpg", "123_abc.jpg"),
        ("nyu_office_0012_r-12.10-39.png", "nyu_office_0012_r-12.10-39.png"),
        ("nyu_office_0012_r-12.10-39", "nyu_office_0012_r-12.10-39.jpg"),
        ("A.JPEG", "A.JPEG"),
        ("1.gif", "1.gif"),
        ("1.avif", "1.avif"),
        ("scan.JFIF", "scan.JFIF"),
        ("day2/1.jpe", "day2/1.jpe"),
        ("day2.png/1", "day2.png/1.jpg"),
    ],
)
def test_only_a_picture_suffix_is_a_suffix(image_id: str, name: str) -> None:
    assert image_name(image_id) == name


@pytest.mark.parametrize("name", [".jpg", "jpg", "a.", "", "a.jpg.b"])
def test_what_is_no_suffix(name: str) -> None:
    assert ImageName.parse(name) == (name, "")
