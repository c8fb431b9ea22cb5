"""The inputs of a run, read and looked at before a model is loaded: rows, template, image files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vsdkit.conversation import Conversation, Template, load_conversation, load_template
from vsdkit.data.images import ImageFolders
from vsdkit.errors import ConfigError
from vsdkit.finetune.rows import InstructionTable, is_hub_id
from vsdkit.manifest import manifest_path, read_manifest
from vsdkit.progress import SILENT, Listener
from vsdkit.settings.finetune import FinetuneSettings

__all__ = ["Inputs", "check_inputs", "read_template"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was read and found right."""

    rows: InstructionTable
    images: dict[str, Path]
    """Name in the rows to the file, found and not yet opened: ``check_images`` does that."""
    template: Template
    conversation: Conversation


def check_inputs(settings: FinetuneSettings, *, listener: Listener = SILENT) -> Inputs:
    """Return rows, image files, template and conversation format.

    Args:
        settings: What names them.
        listener: Hears of a data set that may have to be fetched.

    Raises:
        MissingInputError: If the rows, a folder or an image is not there.
        DataError: If a row is wrong, or there is none.
        ConfigError: If the template of the rows is not known.
    """
    if is_hub_id(settings.instructions):
        listener.message(f"rows: data set {settings.instructions} of the hub")
    rows = InstructionTable.load(settings.instructions)
    return Inputs(
        rows,
        template=read_template(settings),
        conversation=load_conversation(settings.conversation),
        images=ImageFolders(settings.images).find_all(rows.images),
    )


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
