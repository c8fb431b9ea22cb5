"""Detections as Pascal VOC's XML: an image a file, pixels counted from 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from vsdkit.data.images.opening import ImageSize
from vsdkit.data.records import Corners
from vsdkit.errors import DataError
from vsdkit.formats.content import read_content
from vsdkit.formats.detections.found import DetectionFormat, FoundBox, FoundImage, read_number

__all__ = ["voc_format"]

_ORDER: Final = "<xmin> <ymin> <xmax> <ymax> in pixels"


def voc_format(files: Sequence[Path]) -> DetectionFormat:
    """Return the format of files of VOC, one an image."""
    return DetectionFormat("Pascal VOC", files, lambda: map(_read, files))


def _read(path: Path) -> FoundImage:
    try:
        # expat itself refuses entities that grow without end, and nothing outside is fetched.
        root = ElementTree.fromstring(read_content(path))
    except ElementTree.ParseError as error:
        raise DataError(f"not XML: {error}", where=str(path), hint="export it once more") from error
    if root.tag != "annotation":
        raise DataError(
            f"not Pascal VOC: its first element is <{root.tag}>, expected <annotation>",
            where=str(path),
        )
    name = (root.findtext("filename") or "").strip() or path.stem
    boxes = list(_boxes(root, path))
    return FoundImage(name, boxes, str(path), _ORDER, size=_size(root))


def _size(root: ElementTree.Element) -> ImageSize | None:
    height, width = (root.findtext(f"size/{side}") or "" for side in ("height", "width"))
    if not (height.strip().isdecimal() and width.strip().isdecimal()):
        return None
    # LabelImg writes 0 where it does not know.
    return ImageSize(int(height), int(width)) if int(height) and int(width) else None


def _boxes(root: ElementTree.Element, path: Path) -> Iterator[FoundBox]:
    for number, one in enumerate(root.iter("object"), start=1):
        where = f"{path}, object {number}"
        label = (one.findtext("name") or "").strip()
        if not label:
            raise DataError("an object without <name>", where=where)
        try:
            edges = [
                read_number(one.findtext(f"bndbox/{edge}"), f"<{edge}> of <bndbox>")
                for edge in ("xmin", "ymin", "xmax", "ymax")
            ]
        except DataError as error:
            raise error.at(where) from error
        # VOC names the first and the last pixel, counted from 1: the first of an image is 1 to 1
        # here, 0 to 1 everywhere else. Programs that count from 0 are off by one pixel at most.
        left, top, right, bottom = edges
        yield FoundBox(label, Corners(left - 1, top - 1, right, bottom), where)
