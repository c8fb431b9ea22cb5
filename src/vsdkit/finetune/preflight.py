"""Everything that can be wrong with the inputs, found before a model is loaded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vsdkit.conversation import Conversation, Template, load_conversation, load_template
from vsdkit.data.images import ImageFolders, know_heif
from vsdkit.data.jsonl import read_records
from vsdkit.data.records import InstructionRow
from vsdkit.errors import ConfigError, DataError, MissingInputError
from vsdkit.finetune.job import ImageFile
from vsdkit.manifest import hash_file, read_manifest
from vsdkit.progress import Listener
from vsdkit.settings.finetune import FinetuneSettings

__all__ = ["Inputs", "check_inputs", "measure_images", "read_template"]

_BUILD = "vsdkit build-instructions vsdv1.json vsdv2.json"
_EXIF_ORIENTATION = 0x0112
_ON_ITS_SIDE = (5, 6, 7, 8)
_JPEG_END = b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was read and found right."""

    rows: list[InstructionRow]
    digest: str
    """SHA-256 of the file of rows."""
    pictures: dict[str, ImageFile]
    template: Template
    conversation: Conversation


def check_inputs(settings: FinetuneSettings, *, listener: Listener) -> Inputs:
    """Return rows, pictures, template and conversation format, all of them looked at.

    Raises:
        MissingInputError: If the rows, a folder or a picture is not there.
        DataError: If a row is wrong, there is none, or a picture does not open.
        ConfigError: If the template of the rows is not known.
    """
    path = settings.instructions
    if not path.is_file():
        raise MissingInputError("no instructions", where=str(path), hint=f"make them: {_BUILD}")
    if path.suffix == ".json":
        raise ConfigError(
            "instructions are read as JSON Lines, this is LLaVA's list",
            where=str(path),
            hint=f"{_BUILD} --format jsonl",
        )
    rows = list(read_records(path, InstructionRow.from_dict))
    if not rows:
        raise DataError("no rows to learn from", where=str(path), hint=f"make them: {_BUILD}")
    template = read_template(settings)
    conversation = load_conversation(settings.conversation)
    found = ImageFolders(settings.images).find_all(row.image for row in rows)
    pictures = measure_images(found, listener=listener)
    return Inputs(rows, hash_file(path), pictures, template, conversation)


def read_template(settings: FinetuneSettings) -> Template:
    """Return the template the rows were made with: named, or noted beside them.

    Raises:
        ConfigError: If it is neither.
        TemplateError: If it is unknown or wrong.
    """
    if settings.template is not None:
        return load_template(settings.template)
    note = Path(f"{settings.instructions}.run.json")
    text = read_manifest(note).get("template_text") if note.is_file() else None
    if not isinstance(text, str):
        raise ConfigError(
            "the template of these rows is not known: their run.json is not beside them",
            where=str(note),
            hint=f"name it, for example --template paper, or build them again: {_BUILD}",
        )
    return Template.parse(text, where=str(note))


def measure_images(paths: Mapping[str, Path], *, listener: Listener) -> dict[str, ImageFile]:
    """Return each picture's file and size; only the beginning of most files is read.

    Raises:
        DataError: If some do not open; how many and the first few are named.
    """
    pictures: dict[str, ImageFile] = {}
    broken: list[str] = []
    with listener.track("checking pictures", total=len(paths)) as tracker:
        for name, path in paths.items():
            try:
                height, width = _upright_size(path)
            except ValueError as error:
                broken.append(f"{path} ({error})")
            else:
                pictures[name] = ImageFile(str(path.resolve()), height, width)
            tracker.advance()
    if broken:
        raise DataError(
            f"{len(broken):,} of {len(paths):,} pictures do not open",
            where=_first(broken),
            hint="fetch them again, or leave their rows out",
        )
    return pictures


def _upright_size(path: Path) -> tuple[int, int]:
    """Return height and width as the picture is seen.

    Raises:
        ValueError: If it is not a picture, or visibly cut off.
    """
    from PIL import Image

    try:
        know_heif(path)
        with Image.open(path) as picture:
            width, height = picture.size
            orientation = 1
            if picture.format == "JPEG":
                orientation = picture.getexif().get(_EXIF_ORIENTATION, 1)
            if picture.format == "JPEG" and not _has_jpeg_end(path):
                # Its header says nothing of the end: only reading it all tells.
                picture.load()
            else:
                picture.verify()
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(str(error).splitlines()[0]) from error
    return (width, height) if orientation in _ON_ITS_SIDE else (height, width)


def _has_jpeg_end(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-len(_JPEG_END), os.SEEK_END)
        return file.read() == _JPEG_END


def _first(texts: Iterable[str], count: int = 3) -> str:
    shown = list(texts)
    return ", ".join(shown[:count]) + (", ..." if len(shown) > count else "")
