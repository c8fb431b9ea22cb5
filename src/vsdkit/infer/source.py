"""Who answers: an adapter with all that was stored when it was trained, or a bare base model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsdkit.conversation import Conversation, Template, load_conversation, load_template
from vsdkit.errors import CheckpointError, ConfigError, DataError, TemplateError
from vsdkit.manifest import hash_file, read_manifest
from vsdkit.settings.defaults import CONVERSATION, IMAGE_MODE, RUNS, TEMPLATE

if TYPE_CHECKING:
    from vsdkit.settings.infer import InferSettings

__all__ = ["Source", "find_source", "hash_base", "newest_run"]

_HASHED_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """A model by name, and the form of question it was trained on."""

    base: str
    adapter: Path | None
    image_mode: str
    template: Template
    conversation: Conversation
    training_images: frozenset[str] | None
    """Names of the pictures that the adapter saw; None without an adapter."""
    weights: str | None
    """Hash of the adapter's weights."""


def find_source(settings: InferSettings) -> Source:
    """Return who answers: the adapter named, the base named, or the newest complete run.

    Raises:
        CheckpointError: If there is no adapter, or its training did not end.
        TemplateError: If a template or conversation is named that the adapter was not trained with.
        ConfigError: If an image mode is named that the adapter was not trained with.
    """
    if settings.adapter is None and settings.base is not None:
        return Source(
            base=settings.base,
            adapter=None,
            image_mode=settings.image_mode or IMAGE_MODE,
            template=load_template(settings.template or TEMPLATE),
            conversation=load_conversation(settings.conversation or CONVERSATION),
            training_images=None,
            weights=None,
        )
    source = _read_run(settings.adapter or newest_run(RUNS), base=settings.base)
    _refuse_others(settings, source)
    return source


def newest_run(runs: Path) -> Path:
    """Return the complete run folder that was begun last.

    Raises:
        CheckpointError: If there is none.
    """
    complete = []
    for path in sorted(runs.glob("*/run.json")):
        try:
            facts = read_manifest(path)
        except DataError:
            continue
        if facts.get("complete") is True:
            complete.append((str(facts.get("started", "")), path.parent))
    if not complete:
        raise CheckpointError(
            "no complete adapter found",
            where=f"{runs}/",
            hint="train one: vsdkit finetune; or name one: --adapter FOLDER; or let a base model "
            "answer: --base NAME",
        )
    return max(complete)[1]


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


def _read_run(folder: Path, *, base: str | None) -> Source:
    manifest = folder / "run.json"
    if not manifest.is_file():
        weights = (folder / "adapter_model.safetensors").is_file()
        raise CheckpointError(
            "the adapter has no run.json: what it was trained with is not known"
            if weights
            else "no adapter here",
            where=str(folder),
            hint="name a run folder of `vsdkit finetune`: --adapter runs/NAME",
        )
    facts = read_manifest(manifest)
    if facts.get("complete") is not True:
        raise CheckpointError(
            "the training of this adapter did not end",
            where=str(manifest),
            hint=f"go on with it: vsdkit finetune --name {folder.name}",
        )
    pictures = _stored(folder, "training_images.txt")
    return Source(
        base=base or _fact(facts, "base", manifest),
        adapter=folder,
        image_mode=_fact(facts, "image_mode", manifest),
        template=Template.parse(
            _stored(folder, "template.yaml"), where=str(folder / "template.yaml")
        ),
        conversation=Conversation.parse(
            _stored(folder, "conversation.yaml"), where=str(folder / "conversation.yaml")
        ),
        training_images=frozenset(line for line in pictures.splitlines() if line),
        weights=_hash_weights(folder),
    )


def _refuse_others(settings: InferSettings, source: Source) -> None:
    template, conversation = settings.template, settings.conversation
    if template is not None and load_template(template).text != source.template.text:
        raise _other(TemplateError, "template", source.template.name, template, source)
    if (
        conversation is not None
        and load_conversation(conversation).text != source.conversation.text
    ):
        raise _other(TemplateError, "conversation", source.conversation.name, conversation, source)
    if settings.image_mode not in (None, source.image_mode):
        raise _other(ConfigError, "image mode", source.image_mode, settings.image_mode, source)


def _other(
    kind: type[ConfigError], what: str, trained: str, asked: str | None, source: Source
) -> ConfigError:
    return kind(
        f"the adapter was trained with {what} {trained!r}, not with {asked!r}",
        where=f"--{what.replace(' ', '-')}; {source.adapter}",
        hint="leave the option out: the adapter brings its own",
    )


def _stored(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text(encoding="utf-8")
    except OSError as error:
        raise CheckpointError(
            f"the adapter's {name} is missing",
            where=str(folder),
            hint="copy the whole run folder, or train again: vsdkit finetune",
        ) from error


def _fact(facts: dict[str, Any], name: str, manifest: Path) -> str:
    value = facts.get(name)
    if not isinstance(value, str) or not value:
        raise DataError(f"field {name!r} must be text, got {value!r}", where=str(manifest))
    return value


def _hash_weights(folder: Path) -> str:
    path = folder / "adapter_model.safetensors"
    if not path.is_file():
        raise CheckpointError(
            "no adapter here: adapter_model.safetensors is missing",
            where=str(folder),
            hint="copy the whole run folder, or train again: vsdkit finetune",
        )
    return hash_file(path)
