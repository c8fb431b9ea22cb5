"""What is merged: a run of ``vsdkit finetune``, or a folder of LLaVA's own trainer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vsdkit.conversation import load_conversation, load_template
from vsdkit.errors import ConfigError
from vsdkit.manifest import Manifest
from vsdkit.model.llava_adapter import convert_llava_adapter, llava_image_mode
from vsdkit.model.run_folder import TrainedRun
from vsdkit.settings.defaults import BASE, CONVERSATION, TEMPLATE

if TYPE_CHECKING:
    from vsdkit.settings.merge import MergeSettings

__all__ = ["read_llava", "read_run"]

_FORM = ("image_mode", "conversation", "template")


def read_run(settings: MergeSettings, folder: Path) -> TrainedRun:
    """Return a run of ``vsdkit finetune``.

    Raises:
        CheckpointError: If there is none, or its training did not end.
        ConfigError: If a form of question is named: the run brings its own.
    """
    run = TrainedRun.read(folder)
    named = [name for name in _FORM if getattr(settings, name) is not None]
    if named:
        raise ConfigError(
            f"{named[0]} is given, and the run brings its own",
            where=f"--{named[0].replace('_', '-')}; {folder}",
            hint="leave the option out: it is for folders of LLaVA's own trainer",
        )
    return run


def read_llava(settings: MergeSettings, folder: Path) -> TrainedRun:
    """Return the run that a folder of LLaVA's own trainer is converted to.

    It is written to ``peft`` in that folder, where ``infer --adapter`` and plain PEFT find it.

    Raises:
        CheckpointError: If base or folder cannot be read, or hold what has no place in PEFT's form.
        ConfigError: If it is not known how images were cut.
    """
    from vsdkit.model.stored_weights import LoadedNames

    # What LLaVA's folder names is a base in LLaVA's own form.
    base = settings.base or BASE
    run = TrainedRun(
        folder=folder / "peft",
        base=base,
        image_mode=settings.image_mode or llava_image_mode(folder),
        template=load_template(settings.template or TEMPLATE),
        conversation=load_conversation(settings.conversation or CONVERSATION),
        # Which images it was trained on, nobody wrote down.
        training_images=frozenset(),
    )
    names = LoadedNames.of(base, image_mode=run.image_mode)
    facts = settings.model_dump(mode="json")
    convert_llava_adapter(folder, run, names, Manifest("convert", settings=facts))
    return run
