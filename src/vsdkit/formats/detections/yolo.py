"""Detections as YOLO's text files: an image a file, parts of the width and the height."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from vsdkit.data.records import Corners
from vsdkit.data.yaml_text import parse_mapping
from vsdkit.errors import DataError, MissingInputError
from vsdkit.formats.content import read_content, split_lines
from vsdkit.formats.detections.found import DetectionFormat, FoundBox, FoundImage, read_number

__all__ = ["find_yolo", "refuse_part"]

_NAMES: Final = ("data.yaml", "data.yml", "dataset.yaml", "classes.txt", "obj.names")
"""Where the labels stand: of ultralytics and Roboflow, of Label Studio and LabelImg, of CVAT."""
_LABEL_FOLDERS: Final = ("labels", "obj_train_data")
"""Folders whose text files are labels, wherever they lie; the second is CVAT's."""
_ORDER: Final = "class x_centre y_centre width height, each as a part of 1"
_LEVELS_UP: Final = 2
"""From dataset/labels/val up to dataset, where the labels' names stand."""


class _Classes(NamedTuple):
    """What the file of names says."""

    labels: Mapping[int, str]
    """Number of a class to its name."""
    keypoint_fields: int = 0
    """Fields of a line that are a pose's points, behind its box."""


def find_yolo(path: Path) -> DetectionFormat | None:
    """Return YOLO's format of a folder, or of the file that names its labels; None if it is none.

    Args:
        path: ``data.yaml``, the folder that holds it, or the folder of some of its text files.

    Raises:
        MissingInputError: If a file that names labels has no text files of boxes.
        DataError: If the file of names is wrong.
    """
    folder = path if path.is_dir() else path.parent
    names = _find_names(folder) if path.is_dir() else path
    files = _label_files(folder)
    if names is None or not files:
        if not path.is_dir():
            refuse_part(folder)
        return None
    classes = _read_classes(names)
    return DetectionFormat(
        "YOLO", [names, *files], lambda: (_read(file, folder, classes) for file in files)
    )


def refuse_part(folder: Path) -> None:
    """Raise if a folder holds a part of YOLO's files only.

    Raises:
        MissingInputError: If there are text files and none of names, or the other way round.
    """
    if _label_files(folder):
        raise MissingInputError(
            "text files, and none that names YOLO's classes",
            where=str(folder),
            hint=f"put one beside them: {', '.join(_NAMES)}",
        )
    if any(name for name in _NAMES if (folder / name).is_file()):
        raise MissingInputError(
            "a file that names YOLO's classes, and no text file of boxes",
            where=str(folder),
            hint="one an image is needed, in a folder 'labels' or below it",
        )


def _find_names(folder: Path) -> Path | None:
    above = [folder]
    if _is_labelled(folder.absolute()):
        above.extend(folder.absolute().parents[:_LEVELS_UP])
    return next(
        (place / name for place in above for name in _NAMES if (place / name).is_file()), None
    )


def _is_labelled(folder: Path) -> bool:
    return any(part in _LABEL_FOLDERS for part in folder.parts)


def _label_files(folder: Path) -> list[Path]:
    """Return the text files in folders of labels; where there are none, those right here."""
    inside = _is_labelled(folder.absolute())
    below = sorted(file for file in folder.rglob("*.txt") if file.name not in _NAMES)
    labelled = [file for file in below if inside or _is_labelled(file.relative_to(folder).parent)]
    return labelled or [file for file in below if file.parent == folder]


def _read_classes(path: Path) -> _Classes:
    if path.suffix not in (".yaml", ".yml"):
        lines = split_lines(read_content(path), path)
        return _Classes({number: line.strip() for number, line in enumerate(lines) if line.strip()})
    try:
        facts = parse_mapping(read_content(path).decode())
    except ValueError as error:
        raise DataError(str(error), where=str(path)) from error
    names: Any = facts.get("names")
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names:
        raise DataError(
            "field 'names' must name YOLO's classes, as a list or number by number",
            where=str(path),
            hint="names: [dog, sofa]",
        )
    for number, name in names.items():
        # YAML reads no, off and ~ as something else than the word.
        if not isinstance(name, str | int) or isinstance(name, bool):
            raise DataError(
                f"the name of class {number} must be text, got {name!r}",
                where=str(path),
                hint="put it in quotes",
            )
    points: Any = facts.get("kpt_shape", (0, 0))
    try:
        labels = {int(number): str(name) for number, name in names.items()}
        return _Classes(labels, int(points[0]) * int(points[1]))
    except (ValueError, TypeError, IndexError) as error:
        raise DataError(
            f"'names' or 'kpt_shape' cannot be read: {error}", where=str(path)
        ) from error


def _read(path: Path, folder: Path, classes: _Classes) -> FoundImage:
    boxes = []
    # An image without objects has an empty file, which is no error here.
    lines = split_lines(read_content(path), path) if path.stat().st_size else []
    for number, line in enumerate(lines, start=1):
        parts = line.split()
        if parts:
            where = f"{path}:{number}"
            try:
                boxes.append(_box(parts, classes, where))
            except DataError as error:
                raise error.at(where) from error
    return FoundImage(_image(path, folder), boxes, str(path), _ORDER, unit=1)


def _box(parts: Sequence[str], classes: _Classes, where: str) -> FoundBox:
    number = read_number(parts[0], "the class")
    label = classes.labels.get(int(number)) if number.is_integer() else None
    if label is None:
        raise DataError(f"class {parts[0]} has no name; there are {len(classes.labels)}")
    numbers = [read_number(part, "each part of a line") for part in parts[1:]]
    # Six fields end with the detector's confidence; from seven on they are the corners of an
    # outline, x and y in turn, if they are not those of a pose.
    if len(parts) in (5, 6, 5 + classes.keypoint_fields):
        x, y, width, height = numbers[:4]
        return FoundBox(
            label, Corners(x - width / 2, y - height / 2, x + width / 2, y + height / 2), where
        )
    across, down = numbers[0::2], numbers[1::2]
    if len(parts) < 7 or len(across) != len(down):
        raise DataError(
            f"{len(parts)} fields in a line, expected 5 ({_ORDER}), 6 with a confidence, or the "
            "class and x and y of an outline's corners"
        )
    return FoundBox(label, Corners(min(across), min(down), max(across), max(down)), where)


def _image(path: Path, folder: Path) -> str:
    """Return the image's name without suffix, with the folders below that of the labels."""
    parts = path.relative_to(folder).with_suffix("").parts
    for number, part in enumerate(parts):
        if part in _LABEL_FOLDERS:
            return "/".join(parts[number + 1 :])
    return "/".join(parts)
