"""Which format a file or folder of detections has, and the items that are made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from vsdkit.data.images import ImageFolders
from vsdkit.data.images.names import ImageName
from vsdkit.data.images.opening import ImageSize, read_size
from vsdkit.data.items import parse_item
from vsdkit.data.pairs import ALL_PAIRS, choose_pairs
from vsdkit.data.records import TASKS, GoldRow
from vsdkit.errors import DataError, MissingInputError
from vsdkit.formats.content import BYTES_LOOKED_AT, names_key, read_content
from vsdkit.formats.detections.box_lists import (
    BOX_LIST_KEYS,
    box_lists_format,
    holds_box_lists,
    parse_reply,
)
from vsdkit.formats.detections.coco import find_coco
from vsdkit.formats.detections.found import (
    Detected,
    DetectionFormat,
    FoundImage,
    number_labels,
    to_box,
)
from vsdkit.formats.detections.voc import voc_format
from vsdkit.formats.detections.yolo import find_yolo, refuse_part
from vsdkit.progress import SILENT, Listener

__all__ = ["Detections", "find_detections", "read_detections"]

_UNITS: Final[Mapping[str | None, float | None]] = {
    None: None,
    "pixels": None,
    "fractions": 1,
    "thousandths": 1000,
}
"""Unit of boxes to what stands for the whole width or height; None for pixels."""
_JSON_KEYS: Final = ("images", "annotations", "categories", "bbox", *BOX_LIST_KEYS)
"""One of them stands early in each of the JSON forms, and in no row of items."""
_UNKNOWN_SIZE: Final = ImageSize(1000, 1000)
"""For images that do not open: their boxes have no pixels, and are only compared."""


@dataclass(frozen=True, slots=True)
class Detections:
    """What was made of files of detections."""

    rows: list[GoldRow] = field(default_factory=list)
    """The questions, image by image."""
    objects: dict[str, list[Detected]] = field(default_factory=dict)
    """Image to all its objects, those of no pair too."""


def find_detections(path: Path, *, box_units: str | None = None) -> DetectionFormat | None:
    """Return the format of a file or folder, from its content; None if it holds no detections.

    Args:
        path: COCO's JSON, a JSON list of boxes, VOC's XML, YOLO's file of names, or a folder of
            VOC's, YOLO's or lists' files.
        box_units: Unit of the boxes in JSON lists: ``pixels``, ``fractions`` or ``thousandths``.

    Raises:
        MissingInputError: If files that belong together are not all there.
        DataError: If the file is damaged, or a folder holds none of the formats, or several.
    """
    unit = _UNITS[box_units]
    if path.is_dir():
        return _find_in_folder(path, unit)
    if path.suffix.lower() in (".yaml", ".yml") or path.name in ("classes.txt", "obj.names"):
        return find_yolo(path)
    if path.suffix.lower() == ".xml":
        return voc_format([path])
    if path.suffix.lower() == ".csv" or not path.is_file():
        return None
    with path.open("rb") as file:
        beginning = file.read(BYTES_LOOKED_AT)
    # An empty list is of a picture in which nothing was found.
    if beginning.strip() != b"[]" and not any(names_key(beginning, key) for key in _JSON_KEYS):
        return None
    try:
        document = parse_reply(read_content(path).decode())
    except ValueError as error:
        if names_key(beginning, "subject"):
            # Rows of items, which have boxes under names of their own.
            return None
        raise _no_json(path, error) from error
    coco = find_coco(document, path)
    if coco is not None or not (holds_box_lists(document) or document == []):
        return coco
    return box_lists_format([(path, document)], unit)


def _find_in_folder(folder: Path, unit: float | None) -> DetectionFormat:
    yolo, xml = find_yolo(folder), sorted(folder.rglob("*.xml"))
    if yolo is not None and xml:
        raise DataError(
            "detections of two formats: YOLO and Pascal VOC",
            where=str(folder),
            hint="name a folder of one of them, or a file: docs/detections.md",
        )
    if yolo is not None:
        # Label Studio puts a JSON file of notes beside them.
        return yolo
    if xml:
        return voc_format(xml)
    lists = sorted(folder.rglob("*.json"))
    if not lists:
        refuse_part(folder)
        raise DataError(
            "a folder without detections",
            where=str(folder),
            hint="name a file, or a folder of one of the formats: docs/detections.md",
        )
    return box_lists_format([(file, _read_list(file)) for file in lists], unit)


def _read_list(path: Path) -> Any:
    try:
        document = parse_reply(read_content(path).decode())
    except ValueError as error:
        raise _no_json(path, error) from error
    # Of an image without objects the list is empty.
    if document not in ([], {}) and not holds_box_lists(document):
        raise DataError(
            "no list of boxes, as every JSON file of this folder must hold",
            where=str(path),
            hint="name COCO's file itself, not its folder",
        )
    return document


def _no_json(path: Path, error: ValueError) -> DataError:
    return DataError(f"not JSON: {error}", where=str(path), hint="write it again as one document")


def read_detections(
    found: DetectionFormat,
    folders: Sequence[Path],
    *,
    pairs: str | None = None,
    tasks: Sequence[int] = TASKS,
    limit: int | None = None,
    listener: Listener = SILENT,
) -> Detections:
    """Return questions about the pairs of objects of each image, in the files' order.

    An item's id is its image and the names of both objects, as ``street.jpg:dog:dog#2``. Boxes are
    checked against the image's size, which its header tells; images that do not open, or are not
    there, are for ``check_images`` to tell.

    Args:
        found: From ``find_detections``.
        folders: Where the images are.
        pairs: ``all``, ``near`` or how many an image; see ``choose_pairs``.
        tasks: What is asked of each pair.
        limit: Read no further when there are so many pairs.
        listener: Hears what was read.

    Raises:
        DataError: If a box is in another order than the format's or outside of its image, an
            image is there twice, or no image has a pair.
    """
    images, made, told = list(found.read()), Detections(), _Told()
    pictures = _Pictures(folders)
    with listener.track("read detections", total=len(images)) as tracker:
        for image in images:
            tracker.advance()
            name, size = pictures.find(image)
            if name in made.objects:
                raise DataError(f"image {name!r} is there twice", where=image.where)
            made.objects[name] = objects = _objects(image, size, told)
            asked = list(_ask(image, name, objects, pairs or ALL_PAIRS, tasks))
            told.without_pair += not asked
            told.pairs += len(asked)
            made.rows.extend(row for item in asked for row in item)
            if limit is not None and told.pairs >= limit:
                break
    pictures.require()
    places = sorted({image.where for image in images})
    if not made.rows:
        raise DataError(
            "no image has a pair of objects to ask about: nothing to do"
            if images
            else "no images: nothing to do",
            where=places[0] if len(places) == 1 else str(found.files[0].parent),
        )
    listener.message(told.line(found, made, pictures.without_folders))
    return made


@dataclass
class _Told:
    """What is counted for the person who asks."""

    pairs: int = 0
    repeated: int = 0
    without_pair: int = 0

    def line(self, found: DetectionFormat, made: Detections, without_folders: int) -> str:
        count = sum(map(len, made.objects.values()))
        parts = [
            f"{found.name}: {count:,} objects in {len(made.objects):,} images, {self.pairs:,} pairs"
        ]
        for number, what in (
            (self.without_pair, "images without a pair"),
            (self.repeated, "objects left out that were there with the same label and box"),
            (without_folders, "images found by their names without the folders before them"),
        ):
            if number:
                parts.append(f"{number:,} {what}")
        return "; ".join([*parts, *([f"left out: {found.left_out}"] if found.left_out else [])])


class _Pictures:
    """Finds the images that files of detections name, and their sizes.

    Folders that are not there are for whoever opens images to tell, unless boxes are parts of a
    size that only the image knows.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders: ImageFolders | None = None
        self._error: MissingInputError | None = None
        try:
            self._folders = ImageFolders(folders)
        except MissingInputError as error:
            self._error = error
        self._missing: list[str] = []
        self.without_folders = 0
        """Names that were found only when the folders in them were left out."""

    def find(self, image: FoundImage) -> tuple[str, ImageSize | None]:
        """Return an image's name, with its suffix, and its size if it is known.

        Raises:
            MissingInputError: If its boxes are parts of a size that cannot be known.
            DataError: If a name without suffix stands for several images, or the image has
                another size than the one that the file states.
        """
        if self._folders is None:
            if image.unit is not None and self._error is not None:
                raise self._error
            return image.name, image.size
        last = image.name.replace("\\", "/").rpartition("/")[2]
        for name in dict.fromkeys((image.name, last)):
            for full in self._with_suffix(name, image, self._folders):
                found = self._folders.find_all([full])
                if found.paths or found.ambiguous:
                    self.without_folders += name != image.name and bool(found.paths)
                    if image.unit is not None:
                        # Of several pictures none has the size that is needed.
                        found.require()
                    path = found.paths.get(full)
                    size = None if path is None else read_size(path)
                    _check_size(image, size)
                    return full, size or image.size
        if image.unit is not None:
            self._missing.append(image.name)
        return image.name, image.size

    def require(self) -> None:
        """Raise if the size of an image is needed that is not there.

        Raises:
            MissingInputError: How many are not; the first few are named.
        """
        if self._missing and self._folders is not None:
            self._folders.find_all(self._missing).require()

    @staticmethod
    def _with_suffix(name: str, image: FoundImage, folders: ImageFolders) -> list[str]:
        if ImageName.parse(name.rpartition("/")[2]).suffix:
            return [name]
        names = folders.find_names(name)
        if len(names) > 1:
            raise DataError(
                f"image {name!r} stands for several: {', '.join(names)}",
                where=image.where,
                hint="leave one of them in the folders of --images",
            )
        return names


def _check_size(image: FoundImage, size: ImageSize | None) -> None:
    stated = image.size
    if stated is not None and size is not None and stated != size:
        raise DataError(
            f"boxes of a picture {stated.width} wide and {stated.height} high, and this one is "
            f"{size.width} wide and {size.height} high, upright",
            where=f"{image.where}, image {image.name!r}",
            hint="name the folder of the pictures that the boxes were made on: --images FOLDER",
        )


def _objects(image: FoundImage, size: ImageSize | None, told: _Told) -> list[Detected]:
    """Return the objects of an image by name, each once."""
    measured = _UNKNOWN_SIZE if size is None and image.unit is not None else size
    found = [(one.label, to_box(one, image, measured)) for one in image.boxes]
    once = list(dict.fromkeys(found))
    told.repeated += len(found) - len(once)
    names = number_labels(label for label, _ in once)
    known = measured == size
    return [
        Detected(name, label, box, known) for name, (label, box) in zip(names, once, strict=True)
    ]


def _ask(
    image: FoundImage, name: str, objects: Sequence[Detected], pairs: str, tasks: Sequence[int]
) -> Iterator[list[GoldRow]]:
    """Yield the rows of each pair of an image."""
    taken = set[str]()
    for i, j in choose_pairs([one.box for one in objects], pairs):
        subject, other = objects[i], objects[j]
        plain = item = f"{name}:{subject.name}:{other.name}"
        # Labels may hold colons and signs themselves.
        while item in taken:
            item = f"{plain}#{len(taken) + 1}"
        taken.add(item)
        fields = {
            "id": item,
            "image": name,
            "subject": subject.label,
            "object": other.label,
            "subject_box": list(subject.box) if subject.in_pixels else None,
            "object_box": list(other.box) if other.in_pixels else None,
        }
        try:
            yield parse_item(fields, tasks=tasks)
        except DataError as error:
            raise error.at(f"{image.where}, image {image.name!r}") from error
