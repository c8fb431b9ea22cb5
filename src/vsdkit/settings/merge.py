"""Settings of ``vsdkit merge``: the run, its base, the folder to write."""

from __future__ import annotations

from typing import Annotated

from vsdkit.settings.defaults import ImageMode
from vsdkit.settings.fields import Folder
from vsdkit.settings.resolve import ARGUMENT, SAME_RESULT, Flag, Settings

__all__ = ["MergeSettings"]


class MergeSettings(Settings):
    """Which run becomes a plain model, and where."""

    run: Annotated[Folder | None, ARGUMENT] = None
    """Run folder of ``vsdkit finetune``, or of LLaVA's own trainer; else the newest complete one in
    runs/."""

    output: Annotated[Folder | None, SAME_RESULT, Flag(("-o",), metavar="FOLDER")] = None
    """Folder of the merged model; else ``merged`` in the run folder."""

    base: str | None = None
    """Base model that stands in for the one that run.json names, where that has moved."""

    image_mode: ImageMode | None = None
    """For a folder of LLaVA's own trainer: how pictures were cut, where its config.json does not
    say."""

    conversation: str | None = None
    """For a folder of LLaVA's own trainer: conversation format; else that of finetune."""

    template: str | None = None
    """For a folder of LLaVA's own trainer: template of the questions; else that of
    build-instructions."""

    overwrite: Annotated[bool, SAME_RESULT] = False
    """Write anew although a model merged otherwise is there."""
