"""Detections as COCO's annotation file: boxes ``[x, y, width, height]`` in pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from vsdkit.data.images.opening import ImageSize
from vsdkit.data.records import Corners
from vsdkit.errors import DataError
from vsdkit.formats.detections.found import DetectionFormat, FoundBox, FoundImage, read_number

__all__ = ["find_coco"]

_ORDER: Final = "[x, y, width, height] in pixels"


def find_coco(document: Any, path: Path) -> DetectionFormat | None:
    """Return COCO's format if a JSON document is one; None if it is another.

    Raises:
        DataError: If it holds COCO's results, which do not say what the objects are.
    """
    if isinstance(document, list) and document and isinstance(document[0], dict):
        if {"image_id", "category_id", "bbox"} <= document[0].keys():
            raise DataError(
                "COCO results: their categories are numbers that the file does not name",
                where=str(path),
                hint="put them as 'annotations' beside 'images' and 'categories' of the "
                "annotation file: docs/detections.md",
            )
        return None
    if not isinstance(document, dict) or not {"images", "annotations"} <= document.keys():
        return None
    annotations = _entries(document, "annotations", path)
    crowds = sum(bool(one.get("iscrowd")) for one in annotations)
    left_out = f"{crowds:,} boxes of crowds (iscrowd), which are no single objects"
    return DetectionFormat(
        "COCO", [path], lambda: _read(document, path), left_out=left_out if crowds else ""
    )


def _read(document: Mapping[str, Any], path: Path) -> Iterator[FoundImage]:
    categories, images = (_entries(document, name, path) for name in ("categories", "images"))
    labels = {_id(one): one.get("name") for one in categories}
    known = {_id(one) for one in images}
    boxes = defaultdict[str, list[FoundBox]](list)
    for number, one in enumerate(_entries(document, "annotations", path)):
        where = f"{path}, annotation {one.get('id', f'number {number + 1}')}"
        try:
            image_id = _id(one, "image_id")
            if image_id not in known:
                raise DataError(f"image_id {image_id} is the id of no image")
            if not one.get("iscrowd"):
                boxes[image_id].append(_box(one, labels, where))
        except DataError as error:
            raise error.at(where) from error
    for number, image in enumerate(images):
        name = image.get("file_name")
        try:
            if not isinstance(name, str) or not name:
                raise DataError(f"field 'file_name' must be text, got {name!r}")
            size = _size(image)
        except DataError as error:
            raise error.at(f"{path}, image number {number + 1}") from error
        yield FoundImage(name, boxes[_id(image)], str(path), _ORDER, size=size)


def _id(entry: Mapping[str, Any], field: str = "id") -> str:
    # Compared as JSON writes them: ids are numbers, or texts of other programs.
    return repr(entry.get(field))


def _size(image: Mapping[str, Any]) -> ImageSize | None:
    height, width = (read_number(image.get(name) or 0, repr(name)) for name in ("height", "width"))
    # Some programs write 0 where they do not know it.
    return ImageSize(int(height), int(width)) if height and width else None


def _box(one: Mapping[str, Any], labels: Mapping[str, Any], where: str) -> FoundBox:
    category, box = _id(one, "category_id"), one.get("bbox")
    label = labels.get(category)
    if not isinstance(label, str):
        raise DataError(f"category_id {category} is the id of no category's name")
    if not isinstance(box, list) or len(box) != 4:
        raise DataError(f"field 'bbox' must be {_ORDER}, got {box!r}")
    x, y, width, height = (read_number(edge, "each part of 'bbox'") for edge in box)
    return FoundBox(label, Corners(x, y, x + width, y + height), where)


def _entries(document: Mapping[str, Any], name: str, path: Path) -> list[dict[str, Any]]:
    entries = document.get(name)
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise DataError(f"field {name!r} must be a list of objects", where=str(path))
    return entries
