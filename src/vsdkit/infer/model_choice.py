"""Which model is asked, and in which form: a base model, with or without an adapter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vsdkit.conversation import Conversation, Template, load_conversation, load_template
from vsdkit.errors import ConfigError, TemplateError
from vsdkit.model.base_files import base_commit, commit_under
from vsdkit.model.merged_folder import read_merged
from vsdkit.model.run_folder import TrainedRun, newest_run
from vsdkit.progress import SILENT, Listener
from vsdkit.settings.defaults import CONVERSATION, IMAGE_MODE, TEMPLATE

if TYPE_CHECKING:
    from vsdkit.settings.infer import InferSettings

__all__ = ["ModelChoice", "choose_model", "refuse_others"]

_INSTEAD = ": --adapter FOLDER; or let a base model answer: --base NAME"


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model by name, and the form of question that it is asked in."""

    base: str
    """Base model: a hub id, a folder, or ``tiny``."""
    commit: str
    """Of the base's files."""
    image_mode: str
    """``single`` or ``anyres``."""
    template: Template
    """What the questions are made with."""
    conversation: Conversation
    """What stands around a question."""
    run: TrainedRun | None = None
    """The run whose adapter is put on the base; None asks the base itself."""
    training_images: frozenset[str] | None = None
    """Names of the images that the adapter was trained on, merged or not; None without one."""

    @property
    def adapter(self) -> Path | None:
        """The adapter's folder."""
        return None if self.run is None else self.run.folder

    @property
    def form(self) -> dict[str, str | None]:
        """How the model is asked, as run.json keeps it."""
        return {
            "template": self.template.text,
            "conversation": self.conversation.text,
            "image_mode": self.image_mode,
        }


def choose_model(settings: InferSettings, *, listener: Listener = SILENT) -> ModelChoice:
    """Return the adapter named, the base named, or the newest complete run.

    A base that ``vsdkit merge`` wrote brings its form of question, as an adapter does.

    Args:
        settings: What names them.
        listener: Hears of a base that is not the one the adapter was trained on.

    Raises:
        CheckpointError: If there is no adapter, its training did not end, or there is no such base
            or another one than the adapter was trained on.
        TemplateError: If a template or conversation is named that the adapter was not trained with.
        ConfigError: If an image mode is named that the adapter was not trained with.
    """
    if settings.adapter is None and settings.base is not None:
        merged = read_merged(settings.base)
        if merged is not None:
            refuse_others(settings, merged, what="merged model")
            return _of_run(merged, base=settings.base, commit=base_commit(settings.base))
        return ModelChoice(
            base=settings.base,
            commit=base_commit(settings.base),
            image_mode=settings.image_mode or IMAGE_MODE,
            template=load_template(settings.template or TEMPLATE),
            conversation=load_conversation(settings.conversation or CONVERSATION),
        )
    run = TrainedRun.read(settings.adapter or newest_run(instead=_INSTEAD))
    refuse_others(settings, run, what="adapter")
    commit = commit_under(run, settings.base, listener=listener)
    return replace(_of_run(run, base=settings.base or run.base, commit=commit), run=run)


def _of_run(run: TrainedRun, *, base: str, commit: str) -> ModelChoice:
    return ModelChoice(
        base=base,
        commit=commit,
        image_mode=run.image_mode,
        template=run.template,
        conversation=run.conversation,
        training_images=run.training_images,
    )


def refuse_others(settings: InferSettings, run: TrainedRun, *, what: str) -> None:
    """Refuse a form of question that the model does not know; the same one may be named.

    Args:
        settings: What they name.
        run: What the model was trained with.
        what: What it is called, ``adapter`` or ``merged model``.

    Raises:
        TemplateError: If another template or conversation is named.
        ConfigError: If another image mode is.
    """
    template, conversation = settings.template, settings.conversation
    if template is not None and load_template(template).text != run.template.text:
        trained = f"template {run.template.name!r}"
        raise _other(TemplateError, what, trained, "--template", template, run)
    if conversation is not None and load_conversation(conversation).text != run.conversation.text:
        trained = f"conversation {run.conversation.name!r}"
        raise _other(TemplateError, what, trained, "--conversation", conversation, run)
    if settings.image_mode not in (None, run.image_mode):
        trained = f"image mode {run.image_mode!r}"
        raise _other(ConfigError, what, trained, "--image-mode", settings.image_mode, run)


def _other(
    kind: type[ConfigError],
    what: str,
    trained: str,
    flag: str,
    asked: str | None,
    run: TrainedRun,
) -> ConfigError:
    return kind(
        f"the {what} was trained with {trained}, not with {asked!r}",
        where=f"{flag}; {run.folder}",
        hint=f"leave the option out: the {what} brings its own",
    )
