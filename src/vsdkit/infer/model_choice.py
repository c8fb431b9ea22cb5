"""Which model is asked, and in which form: a base model, with or without an adapter."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vsdkit.conversation import Conversation, Template, load_conversation, load_template
from vsdkit.errors import ConfigError, TemplateError
from vsdkit.model.run_folder import TrainedRun, newest_run
from vsdkit.settings.defaults import CONVERSATION, IMAGE_MODE, TEMPLATE

if TYPE_CHECKING:
    from vsdkit.settings.infer import InferSettings

__all__ = ["ModelChoice", "choose_model", "hash_base"]

_HASHED_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model by name, and the form of question that it is asked in."""

    base: str
    """Base model: a hub id, a folder, or ``tiny``."""
    image_mode: str
    """``single`` or ``anyres``."""
    template: Template
    """What the questions are made with."""
    conversation: Conversation
    """What stands around a question."""
    run: TrainedRun | None = None
    """The run whose adapter is put on the base; None asks the base itself."""

    @property
    def adapter(self) -> Path | None:
        """The adapter's folder."""
        return None if self.run is None else self.run.folder


def choose_model(settings: InferSettings) -> ModelChoice:
    """Return the adapter named, the base named, or the newest complete run.

    Raises:
        CheckpointError: If there is no adapter, or its training did not end.
        TemplateError: If a template or conversation is named that the adapter was not trained with.
        ConfigError: If an image mode is named that the adapter was not trained with.
    """
    if settings.adapter is None and settings.base is not None:
        return ModelChoice(
            base=settings.base,
            image_mode=settings.image_mode or IMAGE_MODE,
            template=load_template(settings.template or TEMPLATE),
            conversation=load_conversation(settings.conversation or CONVERSATION),
        )
    run = TrainedRun.read(settings.adapter or newest_run())
    _refuse_others(settings, run)
    return ModelChoice(
        base=settings.base or run.base,
        image_mode=run.image_mode,
        template=run.template,
        conversation=run.conversation,
        run=run,
    )


def hash_base(base: str) -> str | None:
    """Return a hash that tells one base model in a folder from another of the same name.

    Of each file the first MiB is read: weights of 26 GB are not worth minutes, and training
    changes all of them. None for a name of the hub.
    """
    from vsdkit.model.bases import resolve_base

    folder = Path(resolve_base(base))
    if not folder.is_dir():
        return None
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".safetensors"):
            with path.open("rb") as file:
                digest.update(f"{path.name} {path.stat().st_size}\n".encode())
                digest.update(file.read(_HASHED_BYTES))
    return digest.hexdigest()


def _refuse_others(settings: InferSettings, run: TrainedRun) -> None:
    """Refuse a form of question that the adapter does not know; the same one may be named."""
    template, conversation = settings.template, settings.conversation
    if template is not None and load_template(template).text != run.template.text:
        raise _other(TemplateError, "template", run.template.name, template, run)
    if conversation is not None and load_conversation(conversation).text != run.conversation.text:
        raise _other(TemplateError, "conversation", run.conversation.name, conversation, run)
    if settings.image_mode not in (None, run.image_mode):
        raise _other(ConfigError, "image mode", run.image_mode, settings.image_mode, run)


def _other(
    kind: type[ConfigError], what: str, trained: str, asked: str | None, run: TrainedRun
) -> ConfigError:
    return kind(
        f"the adapter was trained with {what} {trained!r}, not with {asked!r}",
        where=f"--{what.replace(' ', '-')}; {run.folder}",
        hint="leave the option out: the adapter brings its own",
    )
