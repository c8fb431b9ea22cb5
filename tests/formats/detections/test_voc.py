"""Pascal VOC's XML: pixels counted from 1, corners that are never swapped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vsdkit.data.records import Box
from vsdkit.errors import DataError
from vsdkit.formats.detections import Detections, find_detections, read_detections

BOX = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>40</xmax><ymax>50</ymax></bndbox>"
KITE = f"<object><name>kite</name>{BOX}</object>"
BIRD = "<object><name>bird</name>" + BOX.replace(">40<", ">60<") + "</object>"


def read(path: Path, images: Path) -> Detections:
    found = find_detections(path)
    assert found is not None
    return read_detections(found, [images], tasks=[1])


def voc(*objects: str, name: str = "sky.jpg") -> str:
    return f"<annotation><filename>{name}</filename>{''.join(objects)}</annotation>"


def test_the_first_pixel_of_an_image_begins_at_0(write: Any, images: Path) -> None:
    made = read(write("sky.xml", voc(KITE, BIRD)), images)
    assert made.objects["sky.jpg"][0].box == Box(0, 50, 0, 40)


def test_a_program_that_counts_from_0_is_off_by_a_pixel_and_no_error(
    write: Any, images: Path
) -> None:
    text = voc(KITE.replace(">1<", ">0<"), BIRD)
    made = read(write("sky.xml", text), images)
    assert made.objects["sky.jpg"][0].box == Box(0, 50, 0, 40)


def test_a_file_without_a_name_is_of_the_image_that_it_is_named_after(
    write: Any, images: Path
) -> None:
    assert read(write("sky.xml", voc(KITE, BIRD, name="")), images).rows[0].image == "sky.jpg"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("<annotation>", "not XML"),
        ("<html/>", "not Pascal VOC: its first element is <html>"),
        (voc(KITE.replace("kite", "")), "an object without <name>"),
        (voc(KITE.replace("xmin", "left")), "<xmin> of <bndbox> is a number, got None"),
        (voc(KITE.replace(">40<", ">wide<")), "<xmax> of <bndbox> is a number, got 'wide'"),
        (voc(KITE.replace(">40<", ">nan<")), "<xmax> of <bndbox> is a number, got 'nan'"),
        (voc(KITE.replace(">1<", ">45<")), "x_min < x_max and y_min < y_max, got x_min 44"),
        (voc(KITE.replace(">40<", ">400<")), "outside of the picture, which is 64 wide"),
    ],
)
def test_a_wrong_file_is_one_error_with_its_place(
    write: Any, images: Path, text: str, message: str
) -> None:
    path = write("sky.xml", text)
    with pytest.raises(DataError, match=message) as caught:
        read(path, images)
    assert str(path) in caught.value.where


def test_entities_that_grow_without_end_are_refused(write: Any, images: Path) -> None:
    lines = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    path = write(
        "sky.xml", f'<!DOCTYPE x [<!ENTITY a0 "ha">{lines}]><annotation>&a11;</annotation>'
    )
    with pytest.raises(DataError, match="not XML"):
        read(path, images)
