"""JSON lists of boxes: Qwen's replies and ultralytics' results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vsdkit.data.records import Box
from vsdkit.errors import DataError
from vsdkit.formats.detections import find_detections, read_detections

BIRD = {"bbox_2d": [1, 1, 9, 9], "label": "bird"}


def test_a_turned_box_has_the_upright_one_around_it(write: Any, images: Path) -> None:
    corners = {"x1": 30, "y1": 10, "x2": 50, "y2": 30, "x3": 30, "y3": 50, "x4": 10, "y4": 30}
    path = write("sky.json", json.dumps([{"name": "kite", "box": corners}, BIRD]))
    found = find_detections(path)
    assert found is not None
    made = read_detections(found, [images])
    assert made.objects["sky.jpg"][0].box == Box(10, 50, 10, 50)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"bbox_2d": [1, 1, 9], "label": "kite"}, "'bbox_2d' must be .x1, y1, x2, y2."),
        ({"bbox_2d": [1, 1, 9, "9x"], "label": "kite"}, "is a number, got '9x'"),
        ({"bbox_2d": [1, 1, 9, 9]}, "'label' must be text that is not empty, got None"),
        ({"box": {"x1": 1, "y1": 1, "x2": 9}, "name": "kite"}, "'box' must be"),
        ({"box": {"x1": 1, "y1": 1, "x2": 9, "y2": 9}, "name": ""}, "'name' must be text"),
        ({"point_2d": [1, 1], "label": "kite"}, "no box: expected 'bbox_2d' and 'label'"),
        ("kite", "no box: expected 'bbox_2d' and 'label'"),
        ({"bbox_2d": [1, 1, 9, 9], "label": "<image>"}, "stands for the picture"),
    ],
)
def test_a_wrong_entry_is_one_error_with_its_place(
    write: Any, images: Path, entry: Any, message: str
) -> None:
    path = write("all.json", json.dumps({"sky.jpg": [BIRD, entry]}))
    found = find_detections(path)
    assert found is not None
    with pytest.raises(DataError, match=message) as caught:
        read_detections(found, [images])
    assert str(path) in caught.value.where
    assert "'sky.jpg'" in caught.value.where
