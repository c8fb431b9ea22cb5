"""COCO's annotation file: what is wrong with it is told with the annotation's id."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vsdkit.errors import DataError
from vsdkit.formats.detections import find_detections, read_detections


def change(coco: Any, entry: str, **fields: Any) -> None:
    document = json.loads(coco.path.read_text())
    if fields:
        document[entry][0] |= fields
    else:
        del document[entry]
    coco.path.write_text(json.dumps(document))


def read(coco: Any) -> list[str]:
    found = find_detections(coco.path)
    assert found is not None
    return [row.id for row in read_detections(found, [coco.images], tasks=[1]).rows]


@pytest.mark.parametrize(
    ("entry", "fields", "message", "where"),
    [
        ("annotations", {"image_id": 99}, "image_id 99 is the id of no image", "annotation 0"),
        ("annotations", {"category_id": 99}, "category_id 99", "annotation 0"),
        ("annotations", {"bbox": [1, 2, 3]}, "must be .x, y, width, height.", "annotation 0"),
        ("annotations", {"bbox": [1, 2, "x", 4]}, "is a number, got 'x'", "annotation 0"),
        ("annotations", {"bbox": [1, 2, None, 4]}, "is a number, got None", "annotation 0"),
        ("annotations", {"bbox": [50, 60, -40, 40]}, "x_min < x_max", "annotation 0 ('dog')"),
        # Corners in the place of width and height.
        ("annotations", {"bbox": [120, 60, 140, 100]}, "outside of the picture", "'street.jpg'"),
        ("annotations", {"image_id": [1]}, r"image_id .1. is the id of no image", "annotation 0"),
        ("annotations", {"bbox": [10, 60, 0.001, 40]}, "a box without a pixel", "annotation 0"),
        ("images", {"width": "wide"}, "'width' is a number, got 'wide'", "image number 1"),
        ("images", {"file_name": None}, "'file_name' must be text", "image number 1"),
        ("categories", {}, "'categories' must be a list", "instances.json"),
    ],
)
def test_a_wrong_entry_is_one_error_with_its_place(
    coco: Any, entry: str, fields: dict[str, Any], message: str, where: str
) -> None:
    change(coco, entry, **fields)
    with pytest.raises(DataError, match=message) as caught:
        read(coco)
    assert where in caught.value.where


def test_boxes_of_crowds_are_left_out_and_told(coco: Any) -> None:
    change(coco, "annotations", iscrowd=1)
    found = find_detections(coco.path)
    assert found is not None
    assert found.left_out == "1 boxes of crowds (iscrowd), which are no single objects"
    assert not any(":dog#2" in item for item in read(coco))


def test_a_size_of_zero_is_no_size(coco: Any) -> None:
    change(coco, "images", width=0, height=0)
    assert len(read(coco)) == 8
