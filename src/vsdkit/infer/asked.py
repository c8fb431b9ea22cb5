"""What ``infer`` is asked on a file: its items, or pairs of the objects that were detected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from vsdkit.data.items import read_items
from vsdkit.errors import ConfigError
from vsdkit.formats.detections import Detected, DetectionFormat, find_detections, read_detections
from vsdkit.manifest import hash_file, refuse_input
from vsdkit.progress import Listener

if TYPE_CHECKING:
    from vsdkit.data.records import GoldRow
    from vsdkit.settings.infer import InferSettings

__all__ = ["Asked", "read_asked", "refuse_outputs"]


class Asked(NamedTuple):
    """The questions, and where they come from."""

    rows: list[GoldRow]
    """The questions, one a pair and task."""
    files: Sequence[Path]
    """Every file that was read for them."""
    objects: Mapping[str, Sequence[Detected]] = MappingProxyType({})
    """Image to the objects that were detected in it."""

    def digest(self) -> str:
        """Return what tells these files from others: of one file its SHA-256."""
        hashes = [hash_file(file) for file in self.files]
        if len(hashes) == 1:
            return hashes[0]
        # With their names: a file of YOLO or of a list is of the image that it is named after.
        named = zip((file.name for file in self.files), hashes, strict=True)
        content = "".join(f"{name}\0{digest}\n" for name, digest in named)
        return sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def read_asked(settings: InferSettings, listener: Listener) -> Asked:
    """Return the questions of ``settings.items``, a file of items or of detections.

    Raises:
        MissingInputError: If a file is not there.
        DataError: If an item, or a box of a detection, is wrong.
        ConfigError: If a setting of detections is given for what holds none.
    """
    found = find_detections(settings.items, box_units=settings.box_units)
    _refuse_settings(settings, found)
    if found is None:
        rows = read_items(settings.items, tasks=settings.tasks)
        return Asked(_first_items(rows, settings.limit), [settings.items])
    detections = read_detections(
        found,
        settings.images,
        pairs=settings.pairs,
        tasks=settings.tasks,
        limit=settings.limit,
        listener=listener,
    )
    rows = _first_items(detections.rows, settings.limit)
    return Asked(rows, found.files, detections.objects)


def refuse_outputs(settings: InferSettings) -> None:
    """Refuse to write over what is read, or one output over another.

    Raises:
        ConfigError: If two of them are one file.
    """
    read = {
        "fit": settings.fit,
        "boxes_model": settings.boxes_model,
        "weight_on": settings.weight_on,
    }
    taken = {"items": settings.items}
    taken |= {name: path for name, path in read.items() if path is not None}
    for name in ("output", "rejects", "graph"):
        path = getattr(settings, name)
        if path is not None:
            refuse_input(path, taken, option=f"--{name}")
            taken[name] = path


def _refuse_settings(settings: InferSettings, found: DetectionFormat | None) -> None:
    if found is None and settings.pairs is not None:
        raise ConfigError(
            "--pairs chooses among detected objects, and this file names its pairs itself",
            where=str(settings.items),
            hint="leave it out, or name a file of detections: docs/detections.md",
        )
    if settings.box_units is not None and not (found and found.takes_unit):
        raise ConfigError(
            "--box-units is for JSON lists of boxes: every other form has a unit of its own",
            where=str(settings.items),
            hint="leave it out",
        )


def _first_items(rows: Sequence[GoldRow], limit: int | None) -> list[GoldRow]:
    if limit is None:
        return list(rows)
    first = set(list(dict.fromkeys(row.id for row in rows))[:limit])
    return [row for row in rows if row.id in first]
