"""The questions that all forms of a run are asked."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from vsdkit.conversation import fill
from vsdkit.data.images import ImageFile, ImageFolders, check_images
from vsdkit.data.items import read_items
from vsdkit.data.jsonl import read_records
from vsdkit.data.records import InstructionRow
from vsdkit.errors import ConfigError, MissingInputError
from vsdkit.manifest import read_manifest
from vsdkit.model.run_folder import RUN, TrainedRun

if TYPE_CHECKING:
    from vsdkit.progress import Listener
    from vsdkit.settings.verify import VerifySettings

__all__ = ["Question", "choose_questions"]

_ITEMS_HINT = "name others: --items gold.jsonl --images FOLDER"
Row = TypeVar("Row")


class Question(NamedTuple):
    """One question about one image."""

    key: str
    """Names it in reports and requests."""
    task: int
    """It says how long an answer may be."""
    text: str
    """Without the image's mark."""
    image: ImageFile
    """The image that it is about."""


def choose_questions(
    settings: VerifySettings, run: TrainedRun, listener: Listener
) -> list[Question]:
    """Return the questions: a sample of the items named, else of the rows that were trained on.

    Always the same sample, so that a second look sees the same.

    Raises:
        MissingInputError: If the rows or their images are not there any more.
        DataError: If a row or an image is wrong.
        ConfigError: If it is not known where the images are.
    """
    if settings.items is not None:
        gold = _sample(read_items(settings.items), settings.rows)
        asked = [
            (
                str(row.key),
                row.task,
                fill(run.template.questions[row.task][0], {"T1": row.subject, "T2": row.object}),
                row.image,
            )
            for row in gold
        ]
    else:
        rows = _sample(_trained_rows(run), settings.rows)
        asked = [(row.id, row.task, row.question, row.image) for row in rows]
    folders = settings.images or _trained_images(run)
    found = ImageFolders(folders).find_all(dict.fromkeys(image for *_, image in asked))
    files = check_images(found, listener=listener).files
    return [Question(key, task, text, files[image]) for key, task, text, image in asked]


def _sample(rows: Sequence[Row], count: int) -> list[Row]:
    # Not the first: rows that stand together are about one image and of few tasks.
    chosen = random.Random(0).sample(range(len(rows)), min(count, len(rows)))
    return [rows[place] for place in sorted(chosen)]


def _trained_rows(run: TrainedRun) -> list[InstructionRow]:
    named = read_manifest(run.folder / RUN).get("settings", {}).get("instructions")
    if not isinstance(named, str):
        raise ConfigError(
            "run.json does not say which rows were trained on",
            where=str(run.folder / RUN),
            hint=_ITEMS_HINT,
        )
    if not Path(named).is_file():
        raise MissingInputError(
            "the rows that were trained on are not there", where=named, hint=_ITEMS_HINT
        )
    return list(read_records(Path(named), InstructionRow.from_dict))


def _trained_images(run: TrainedRun) -> tuple[Path, ...]:
    named = read_manifest(run.folder / RUN).get("settings", {}).get("images")
    if not isinstance(named, list) or not named:
        raise ConfigError(
            "run.json does not say where the pictures were",
            where=str(run.folder / RUN),
            hint="name their folder: --images FOLDER",
        )
    return tuple(Path(str(one)) for one in named)
