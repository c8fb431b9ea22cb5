"""Settings of ``vsdkit merge``: the run, its base, the folder to write."""

from __future__ import annotations

from typing import Annotated

from vsdkit.settings.fields import Folder
from vsdkit.settings.resolve import ARGUMENT, SAME_RESULT, Flag, Settings

__all__ = ["MergeSettings"]


class MergeSettings(Settings):
    """Which run becomes a plain model, and where."""

    run: Annotated[Folder | None, ARGUMENT] = None
    """Run folder of ``vsdkit finetune``; else the newest complete one in runs/."""

    output: Annotated[Folder | None, SAME_RESULT, Flag(("-o",), metavar="FOLDER")] = None
    """Folder of the merged model; else ``merged`` in the run folder."""

    base: str | None = None
    """Base model that stands in for the one that run.json names, where that has moved."""

    overwrite: Annotated[bool, SAME_RESULT] = False
    """Write anew although a model merged otherwise is there."""
