"""The engine ``openai``: a server that holds the merged model, asked as ``vsdkit verify`` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsdkit.chat_client import ChatClient, ChatReply, ChatRequest, server_address
from vsdkit.conversation import Template, fill, load_template
from vsdkit.errors import ConfigError, TemplateError
from vsdkit.infer.kept import Said
from vsdkit.infer.model_choice import refuse_others
from vsdkit.model.generation import MAX_NEW_TOKENS
from vsdkit.model.merged_folder import read_merged
from vsdkit.model.run_folder import TrainedRun
from vsdkit.progress import SILENT, Listener
from vsdkit.settings.defaults import TEMPLATE

if TYPE_CHECKING:
    from vsdkit.data.records import GoldRow
    from vsdkit.infer.engine import PutDown, Work
    from vsdkit.settings.infer import InferSettings

__all__ = ["ServedModel", "ServerEngine", "choose_served"]


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model by its name at a server, and what is known here of the run that it was made of."""

    base: str
    """What the server calls the model."""
    template: Template
    """What the questions are made with; what stands around them is the server's chat template."""
    run: TrainedRun | None = None
    """The run whose adapter or merged model is served, if one is named."""
    adapter: Path | None = None
    """The run's folder, if it was named as one."""
    weights: str = ""
    """Hash of what the run's folder holds."""

    @property
    def training_images(self) -> frozenset[str] | None:
        """Names of the images that the run was trained on; None without one."""
        return None if self.run is None else self.run.training_images

    @property
    def form(self) -> dict[str, str | None]:
        """How the model is asked, as run.json keeps it."""
        # The server's own chat template and image processor; what a run says of them is what
        # they should be, and ``vsdkit verify`` is how to know.
        return {"template": self.template.text, "conversation": None, "image_mode": None}


def choose_served(settings: InferSettings) -> ServedModel:
    """Return the model that a server is asked for.

    The template is that of the run that ``--adapter`` names, or that the merged folder brings
    where the model's name is that folder; else it is the one named, or the default.

    Raises:
        CheckpointError: If there is no such adapter, or its training did not end.
        TemplateError: If a template is named that the run was not trained with.
        ConfigError: If the run is of an image mode that no server knows.
    """
    assert settings.model is not None
    if settings.adapter is not None:
        run = TrainedRun.read(settings.adapter)
        what, weights = "adapter", run.hash_weights()
    else:
        merged = read_merged(settings.model)
        if merged is None:
            return ServedModel(settings.model, load_template(settings.template or TEMPLATE))
        from vsdkit.model.base_files import base_commit

        run, what, weights = merged, "merged model", base_commit(settings.model)
    refuse_others(settings, run, what=what)
    _refuse_unserved(run)
    return ServedModel(settings.model, run.template, run, settings.adapter, weights)


def _refuse_unserved(run: TrainedRun) -> None:
    from vsdkit.model.families import FAMILIES
    from vsdkit.model.serving import why_not_served

    # Of any family: which one it is stands in the base's files, which need not be on this machine.
    reasons = [why_not_served(family, run.image_mode) for family in FAMILIES.values()]
    if all(reasons):
        raise ConfigError(
            f"a server's answers are not this run's: {reasons[0]}", where="--engine openai"
        )


@dataclass(frozen=True, slots=True)
class ServerEngine:
    """Asks a server, several questions at a time, the questions about one image together."""

    model: ServedModel
    """Who is asked, and how."""
    client: ChatClient
    """Who asks."""

    @classmethod
    def from_settings(
        cls, settings: InferSettings, model: ServedModel, *, listener: Listener = SILENT
    ) -> ServerEngine:
        """Make the engine; the server is not reached before the first row.

        Args:
            settings: Which server, how many questions at once, whether answers are kept.
            model: From ``choose_served``.
            listener: Hears how many answers were kept.
        """
        client = ChatClient(
            model.base,
            base_url=settings.base_url,
            concurrency=settings.concurrency,
            store=not settings.no_store,
            weights=model.weights,
            listener=listener,
        )
        return cls(model, client)

    @property
    def opens_images(self) -> bool:
        """Whether it looks at images."""
        return True

    @property
    def identity(self) -> Mapping[str, Any]:
        """The server, the model's name there and, where it is known, its run."""
        return {
            "base_url": server_address(self.client.base_url),
            "model": self.model.base,
            "weights": self.model.weights,
            "template": self.model.template.text,
            "max_new_tokens": {str(task): count for task, count in MAX_NEW_TOKENS.items()},
        }

    def answer(self, work: Work, put_down: PutDown) -> None:
        """Ask all that is left; what fails for one row is put down as its error.

        Raises:
            ConfigError: If there is no usable address, key, proxy or certificate file.
            BackendError: If the server cannot be reached, refuses, or fails without end.
        """
        places = {image: place for place, image in enumerate(work.images)}
        rows = [row for row in work.rows if row.key in work.left]
        # Servers keep what they read of an image for the next question about it.
        rows.sort(key=lambda row: places[row.image])
        asked: dict[str, GoldRow] = {}
        requests = []
        for row in rows:
            question = self._question(row)
            try:
                if self.model.run is not None:
                    # A server would take the stop token for one, and not for a word.
                    self.model.run.conversation.render(question)
            except TemplateError as error:
                put_down({row.key: Said.failed(error.message)})
                continue
            key = str(row.key)
            asked[key] = row
            requests.append(
                ChatRequest(
                    key,
                    question,
                    max_tokens=MAX_NEW_TOKENS[row.task],
                    image=work.images[row.image],
                )
            )
        for reply in self.client.ask_all(requests):
            row = asked[reply.key]
            put_down({row.key: _said(reply, work.images[row.image].sha256)})

    def _question(self, row: GoldRow) -> str:
        facts = {"T1": row.subject, "T2": row.object}
        return fill(self.model.template.questions[row.task][0], facts)


def _said(reply: ChatReply, image: str) -> Said:
    if reply.failure is not None:
        return Said.failed(reply.failure.message)
    # Cut off at the longest length it is an answer here too, and counted as cut off.
    if reply.no_text is None or (reply.no_text == "too long" and reply.text):
        return Said(reply.text, finished=reply.no_text is None, image=image)
    return Said.failed(f"the server gives no answer: {reply.no_text}")
