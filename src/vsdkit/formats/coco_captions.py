"""Read COCO's caption files: annotations with several captions an image, results with one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vsdkit.data.vsd_json import parse_entries
from vsdkit.errors import DataError
from vsdkit.formats.content import read_content

__all__ = ["read_coco_captions", "read_coco_results"]

_CAPTIONS_FORM = (
    'captions are one object: {"annotations": [{"image_id": 1, "caption": "..."}, ...], ...}'
)
_RESULTS_FORM = 'results are one list: [{"image_id": 1, "caption": "..."}, ...]'


def read_coco_captions(path: Path) -> dict[str, tuple[str, ...]]:
    """Return the captions of each image of an annotation file, in the file's order.

    Ids may be numbers or text; 7 and "7" are one image. Other keys are passed over.

    Raises:
        MissingInputError: If the file is not there.
        DataError: If it is not JSON of that form, or a caption is empty.
    """
    document = parse_entries(read_content(path), path, hint=_CAPTIONS_FORM)
    if not isinstance(document, dict) or not isinstance(document.get("annotations"), list):
        hint = _CAPTIONS_FORM
        if isinstance(document, list):
            hint += "; name captions first: vsdkit score --coco captions.json results.json"
        raise DataError("no list of annotations", where=str(path), hint=hint)
    found: dict[str, list[str]] = {}
    for where, image, caption in _entries(document["annotations"], f"{path}, annotations"):
        if not caption.strip():
            raise DataError(
                f"an empty caption of image {image}", where=where, hint="leave it out of the file"
            )
        found.setdefault(image, []).append(caption)
    if not found:
        raise DataError("there is no caption", where=str(path), hint=_CAPTIONS_FORM)
    return {image: tuple(captions) for image, captions in found.items()}


def read_coco_results(path: Path) -> dict[str, str]:
    """Return the caption of each image of a file of results.

    Raises:
        MissingInputError: If the file is not there.
        DataError: If it is not JSON of that form, or an image stands in it twice.
    """
    document = parse_entries(read_content(path), path, hint=_RESULTS_FORM)
    if not isinstance(document, list):
        raise DataError("no list of results", where=str(path), hint=_RESULTS_FORM)
    found: dict[str, str] = {}
    for where, image, caption in _entries(document, str(path)):
        if image in found:
            raise DataError(
                f"image {image} has a second caption",
                where=where,
                hint="results hold one caption an image",
            )
        found[image] = caption
    if not found:
        raise DataError("there is no result", where=str(path), hint=_RESULTS_FORM)
    return found


def _entries(entries: list[Any], where: str) -> Iterator[tuple[str, str, str]]:
    """Yield of each entry its place, the id of its image as text, and its caption."""
    for number, entry in enumerate(entries):
        place = f"{where}[{number}]"
        if not isinstance(entry, dict):
            raise DataError(f"expected an object, got {entry!r:.60}", where=place)
        image, caption = entry.get("image_id"), entry.get("caption")
        # In Python True is a number, too.
        if isinstance(image, bool) or not isinstance(image, int | str):
            raise DataError(
                f"expected a number or text, got {image!r:.60}", where=f"{place}, field 'image_id'"
            )
        if not isinstance(caption, str):
            raise DataError(
                f"expected a sentence, got {caption!r:.60}", where=f"{place}, field 'caption'"
            )
        yield place, str(image), caption
