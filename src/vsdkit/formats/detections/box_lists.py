"""Detections as plain JSON lists of boxes with labels: Qwen's ``bbox_2d``, ultralytics' results."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from vsdkit.data.json_text import parse_json
from vsdkit.data.records import Corners
from vsdkit.errors import DataError
from vsdkit.formats.detections.found import DetectionFormat, FoundBox, FoundImage, read_number

__all__ = ["BOX_LIST_KEYS", "box_lists_format", "holds_box_lists", "parse_reply"]

BOX_LIST_KEYS: Final = ("bbox_2d", "box")
"""What an entry's box is called: by Qwen, by ultralytics."""
_LABELS: Final = {"bbox_2d": "label", "box": "name"}
"""What its label is called beside it."""
_ORDER: Final = {"bbox_2d": "[x1, y1, x2, y2]", "box": '{"x1", "y1", "x2", "y2"}'}
# A model's reply is often kept as it came, in Markdown's fence.
_FENCE: Final = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n\s*```\s*", re.DOTALL)


def parse_reply(text: str) -> Any:
    """Return the JSON of a text that may stand in a Markdown fence.

    Raises:
        ValueError: If it is not JSON.

    >>> parse_reply('```json' + chr(10) + '[1]' + chr(10) + '```')
    [1]
    """
    fenced = _FENCE.fullmatch(text)
    return parse_json(fenced[1] if fenced else text)


def holds_box_lists(document: Any) -> bool:
    """Say whether a JSON document is a list of boxes, or names such a list for each image."""
    if isinstance(document, dict):
        lists = list(document.values())
        if not all(isinstance(one, list) for one in lists):
            return False
        return any(map(holds_box_lists, lists))
    if not isinstance(document, list) or not document:
        return False
    first = document[0]
    return isinstance(first, dict) and any(key in first for key in BOX_LIST_KEYS)


def box_lists_format(documents: Sequence[tuple[Path, Any]], unit: float | None) -> DetectionFormat:
    """Return the format of JSON lists of boxes.

    Args:
        documents: Files and what they hold: a list about the image that the file is named after,
            or for each image its list.
        unit: What stands for the whole width or height; None for pixels.
    """

    def read() -> Iterator[FoundImage]:
        for path, document in documents:
            named = document if isinstance(document, dict) else {path.stem: document}
            for image, entries in named.items():
                yield _image(image, entries, path, unit)

    files = [path for path, _ in documents]
    return DetectionFormat("JSON lists of boxes", files, read, takes_unit=True)


def _image(name: str, entries: Any, path: Path, unit: float | None) -> FoundImage:
    if not isinstance(entries, list):
        raise DataError(f"expected a list of boxes, got {entries!r}", where=f"{path}, {name!r}")
    boxes = []
    order = _ORDER["bbox_2d"]
    for number, entry in enumerate(entries, start=1):
        where = f"{path}, box {number}"
        try:
            kind = _kind(entry)
            order = _ORDER[kind]
            boxes.append(FoundBox(_label(entry, kind), _corners(entry[kind], kind), where))
        except DataError as error:
            raise error.at(f"{where}, image {name!r}") from error
    of_whole = "" if unit is None else f", each as a part of {unit:g}"
    in_pixels = " in pixels (other units: --box-units)" if unit is None else of_whole
    return FoundImage(name, boxes, str(path), order + in_pixels, unit=unit)


def _kind(entry: Any) -> str:
    found = [key for key in BOX_LIST_KEYS if isinstance(entry, dict) and key in entry]
    if not found:
        raise DataError(
            f"no box: expected 'bbox_2d' and 'label', or 'box' and 'name', got {entry!r}"
        )
    return found[0]


def _label(entry: Mapping[str, Any], kind: str) -> str:
    label = entry.get(_LABELS[kind])
    if not isinstance(label, str) or not label.strip():
        raise DataError(f"field {_LABELS[kind]!r} must be text that is not empty, got {label!r}")
    return label


def _corners(box: Any, kind: str) -> Corners:
    if kind == "box" and isinstance(box, dict) and {"x1", "y1", "x2", "y2"} <= box.keys():
        if "x3" in box:
            # A turned box has four corners, in any order: the upright one around it.
            across, down = (
                [read_number(box.get(f"{axis}{n}"), f"'{axis}{n}'") for n in range(1, 5)]
                for axis in "xy"
            )
            return Corners(min(across), min(down), max(across), max(down))
        return Corners(*(read_number(box[edge], repr(edge)) for edge in ("x1", "y1", "x2", "y2")))
    if kind == "bbox_2d" and isinstance(box, list) and len(box) == 4:
        return Corners(*(read_number(edge, "each part of 'bbox_2d'") for edge in box))
    raise DataError(f"field {kind!r} must be {_ORDER[kind]}, got {box!r}")
