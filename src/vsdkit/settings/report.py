"""Settings of ``vsdkit report``: what is looked at, and the folder the page goes to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from vsdkit.settings.defaults import BASE, GOLD, PREDS
from vsdkit.settings.fields import Folder, Images, Paths, Seed
from vsdkit.settings.resolve import Flag, Settings

__all__ = ["ReportSettings"]


class ReportSettings(Settings):
    """Inputs of one kind, what they are held against, and where the page goes."""

    inputs: Annotated[Paths, Field(min_length=1), Flag(metavar="FILE|RUN", argument=True)] = (
        PREDS,
    )
    """Predictions, one file or folder for each system; or instruction rows; or folders of runs."""

    gold: Annotated[Paths, Field(min_length=1, max_length=2)] = (GOLD,)
    """What is known of the answers: gold rows, or VSDv1 and VSDv2 by giving it twice."""

    images: Images | None = None
    """Folders of the pictures; without, boxes are drawn as outlines."""

    base: str = Field(default=BASE, min_length=1)
    """Of instruction rows: the base whose tokenizer counts, if it is on this machine; nothing is
    fetched."""

    seed: Seed = 0
    """Of instruction rows: chooses the twenty that are shown."""

    output: Folder = Path("report")
    """Folder that the page goes to; an older report in it is replaced."""
