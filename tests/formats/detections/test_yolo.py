"""YOLO's text files in the folders that tools make, and what is wrong with a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vsdkit.data.records import Box
from vsdkit.errors import DataError
from vsdkit.formats.detections import Detections, find_detections, read_detections

LINES = "0 0.5 0.5 0.5 0.25\n1 0.25 0.25 0.5 0.5\n"


def read(path: Path, images: Path) -> Detections:
    found = find_detections(path)
    assert found is not None
    return read_detections(found, [images], tasks=[1])


@pytest.mark.parametrize(
    ("names", "text", "labels", "asked"),
    [
        ("data.yaml", "names: [kite, bird]", "labels/sky.txt", "."),
        ("data.yaml", "names: {0: kite, 1: bird}", "train/labels/sky.txt", "data.yaml"),
        ("data.yaml", "names: [kite, bird]", "labels/val/sky.txt", "labels/val"),
        ("classes.txt", "kite\nbird\n", "labels/sky.txt", "classes.txt"),
        ("classes.txt", "kite\nbird\n", "sky.txt", "."),
        ("obj.names", "kite\nbird\n", "obj_train_data/sky.txt", "."),
    ],
)
def test_the_folders_that_tools_make_are_known(
    write: Any, images: Path, names: str, text: str, labels: str, asked: str
) -> None:
    folder = write(f"dataset/{names}", text).parent
    write(f"dataset/{labels}", LINES)
    if "/" in labels:
        # Lists of images, as darknet and CVAT put there.
        write("dataset/train.txt", "images/sky.jpg\n")
    objects = read(folder / asked, images).objects["sky.jpg"]
    assert [(one.label, one.box) for one in objects] == [
        ("kite", Box(24, 40, 16, 48)),
        ("bird", Box(0, 32, 0, 32)),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "0 0.5 0.5 0.5 0.25 0.87",  # with the detector's confidence
        "0 0.25 0.375 0.75 0.375 0.75 0.625",  # an outline
        "0 0.25 0.375 0.75 0.375 0.75 0.625 0.25 0.625",  # a turned box
        "0.0 0.5 0.5 0.5 0.25",
    ],
)
def test_every_kind_of_line_is_a_box(write: Any, images: Path, line: str) -> None:
    write("data.yaml", "names: [kite, bird]")
    path = write("labels/sky.txt", f"{line}\n1 0.25 0.25 0.5 0.5\n").parent
    assert read(path, images).objects["sky.jpg"][0].box == Box(24, 40, 16, 48)


def test_the_points_of_a_pose_are_no_outline(write: Any, images: Path) -> None:
    write("data.yaml", "names: [kite, bird]\nkpt_shape: [2, 3]")
    line = "0 0.5 0.5 0.5 0.25 0.1 0.1 2 0.9 0.9 2\n"
    path = write("labels/sky.txt", line + "1 0.25 0.25 0.5 0.5\n").parent
    assert read(path, images).objects["sky.jpg"][0].box == Box(24, 40, 16, 48)


def test_an_image_without_objects_has_an_empty_file(write: Any, images: Path) -> None:
    write("data.yaml", "names: [kite, bird]")
    write("labels/street.txt", "")
    path = write("labels/sky.txt", LINES).parent
    assert read(path, images).objects["street.jpg"] == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2 0.5 0.5 0.5 0.25", "class 2 has no name; there are 2"),
        ("kite 0.5 0.5 0.5 0.25", "the class is a number, got 'kite'"),
        ("0 0.5 0.5 0.5", "4 fields in a line, expected 5"),
        ("0 0.5 0.5 0.5 0.2 0.2 0.2 0.2", "8 fields in a line"),
        ("0 0.5 0.5 0.5 wide", "is a number, got 'wide'"),
        ("0 0.5 0.5 inf 0.5", "is a number, got 'inf'"),
        ("0 20 20 10 10", "outside of the picture"),
        ("0 0.5 0.5 -0.1 0.1", "x_min < x_max"),
    ],
)
def test_a_wrong_line_is_one_error_with_its_number(
    write: Any, images: Path, line: str, message: str
) -> None:
    write("data.yaml", "names: [kite, bird]")
    path = write("labels/sky.txt", f"1 0.25 0.25 0.5 0.5\n{line}\n")
    with pytest.raises(DataError, match=message) as caught:
        read(path.parent, images)
    assert f"{path}:2" in caught.value.where


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: kite", "'names' must name YOLO's classes"),
        ("nc: 2", "'names' must name YOLO's classes"),
        ("names: [kite, no]", "the name of class 1 must be text, got False"),
        ("names: [kite, ~]", "the name of class 1 must be text, got None"),
        ("names: {kite: 0}", "cannot be read"),
        ("names: [kite]\nkpt_shape: 3", "cannot be read"),
        ("names: [", "not YAML"),
        ("", "the file is empty"),
    ],
)
def test_a_wrong_file_of_names_is_one_error(
    write: Any, images: Path, text: str, message: str
) -> None:
    path = write("data.yaml", text)
    write("labels/sky.txt", LINES)
    with pytest.raises(DataError, match=message) as caught:
        read(path, images)
    assert str(path) in caught.value.where
