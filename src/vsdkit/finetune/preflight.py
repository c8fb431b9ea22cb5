"""The inputs of a run, read and looked at before a model is loaded: rows, template, image files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from vsdkit.conversation import Conversation, Template, load_conversation, load_template
from vsdkit.data.images import CheckedImages, FoundImages, ImageFolders, check_images
from vsdkit.data.images.file import ImageFile
from vsdkit.data.images.folders import Reject
from vsdkit.errors import ConfigError
from vsdkit.finetune.evaluation import Questions, open_questions, read_questions
from vsdkit.finetune.rows import InstructionTable, is_hub_id
from vsdkit.manifest import manifest_path, read_manifest, refuse_input
from vsdkit.progress import SILENT, Listener
from vsdkit.settings.finetune import FinetuneSettings

__all__ = ["Inputs", "check_inputs", "open_images", "read_template"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was read and found right."""

    rows: InstructionTable
    images: FoundImages
    """The rows' images, found and not yet opened: ``open_images`` does that."""
    template: Template
    conversation: Conversation
    questions: Questions | None = None
    """Gold rows that are asked at the end."""


def check_inputs(settings: FinetuneSettings, *, listener: Listener = SILENT) -> Inputs:
    """Return rows, image files, template and conversation format.

    Args:
        settings: What names them.
        listener: Hears of a data set that may have to be fetched.

    Raises:
        MissingInputError: If the rows, a folder or an image is not there; of a dry run, the rows.
            Or bitsandbytes, where it is needed.
        DataError: If a row is wrong, or there is none.
        ConfigError: If the template of the rows is not known.
        MetricError: If gold is to be scored at the end and Java cannot run.
    """
    if settings.load_in is not None:
        from vsdkit.model.quantisation import require_bitsandbytes

        require_bitsandbytes()
    if is_hub_id(settings.instructions):
        listener.message(f"rows: data set {settings.instructions} of the hub")
    if settings.rejects is not None:
        refuse_input(settings.rejects, {"instructions": settings.instructions}, option="--rejects")
    rows = InstructionTable.load(settings.instructions).first(settings.max_rows)
    folders = _folders(settings)
    found = _find_images(folders, rows.images)
    if settings.rejects is None:
        # With a file of rejects, after all were opened: it lists the broken ones too.
        _without_absent(settings, found).require()
    return Inputs(
        rows,
        template=read_template(settings),
        conversation=load_conversation(settings.conversation),
        images=found,
        questions=None if folders is None else read_questions(settings, folders, listener=listener),
    )


def _folders(settings: FinetuneSettings) -> ImageFolders | None:
    """Return the folders of images; None in a dry run where none is there."""
    folders = settings.images
    if settings.dry_run:
        # Whoever only plans need not have fetched them.
        folders = tuple(folder for folder in folders if folder.is_dir())
    return ImageFolders(folders) if folders else None


def _find_images(folders: ImageFolders | None, names: list[str]) -> FoundImages:
    if folders is None:
        return FoundImages({}, missing=[Reject(name, None, "not found") for name in names])
    return folders.find_all(names)


def _without_absent(settings: FinetuneSettings, found: FoundImages) -> FoundImages:
    """Return the images that must be looked at: a dry run passes over those that are not here."""
    # A list of everything that is missing was asked for.
    lists_them = settings.rejects is not None
    return replace(found, missing=[]) if settings.dry_run and not lists_them else found


class OpenedImages(NamedTuple):
    """A run's images, and the rows that are left out with those that do not open."""

    images: CheckedImages
    left_out_rows: list[int]
    """Places of the rows in the instructions, counted from 0."""
    evaluation: dict[str, Any] | None = None
    """What the training processes are told of gold; ``Job.evaluation``."""


def open_images(
    settings: FinetuneSettings,
    inputs: Inputs,
    *,
    listener: Listener = SILENT,
    opened: Mapping[str, ImageFile] | None = None,
) -> OpenedImages:
    """Open every image of the rows once, those of gold that is asked at the end too.

    Args:
        settings: Say whether broken images end the run or are left out with their rows.
        inputs: Name the images.
        listener: Shows a bar, and hears what is left out.
        opened: The images as an earlier start opened them.

    Raises:
        MissingInputError: If an image has no file.
        DataError: If some do not open and are not to be left out.
    """
    checked = check_images(
        _without_absent(settings, inputs.images),
        listener=listener,
        opened=opened,
        skip_broken=settings.skip_broken,
        rejects=settings.rejects,
    )
    left_out: list[int] = []
    if checked.broken:
        gone = set(checked.left_out)
        left_out = [place for place, row in enumerate(inputs.rows) if row.image in gone]
        listener.message(
            f"{len(gone):,} pictures do not open: their {len(left_out):,} rows are left out"
        )
    evaluation = None
    if inputs.questions is not None:
        evaluation = open_questions(
            inputs.questions, settings, opened=checked.files, listener=listener
        )
    return OpenedImages(checked, left_out, evaluation)


def read_template(settings: FinetuneSettings) -> Template:
    """Return the template the rows were made with: named, or noted beside them.

    Raises:
        ConfigError: If it is neither.
        TemplateError: If it is unknown or wrong.
    """
    if settings.template is not None:
        return load_template(settings.template)
    note = manifest_path(settings.instructions)
    text = read_manifest(note).get("template_text") if note.is_file() else None
    if not isinstance(text, str):
        raise ConfigError(
            "the template of these rows is not known: their run.json is not beside them",
            where=str(note),
            hint="name it, for example --template paper, or build the instructions again",
        )
    return Template.parse(text, where=str(note))
