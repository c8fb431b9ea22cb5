"""Settings of ``vsdkit fit-boxes``: the gold rows to learn from, the file of the model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from vsdkit.settings.defaults import BOXES_MODEL, GOLD
from vsdkit.settings.fields import OutputFile, Seed
from vsdkit.settings.resolve import ARGUMENT, SAME_RESULT, Flag, Settings

__all__ = ["FitBoxesSettings"]


class FitBoxesSettings(Settings):
    """What the model of boxes and tags is fitted on, and where it goes."""

    gold: Annotated[Path, ARGUMENT] = GOLD
    """gold.jsonl of the pairs to learn from: relations, both boxes, captions."""

    output: Annotated[OutputFile, SAME_RESULT, Flag(("-o",))] = BOXES_MODEL
    """The model, one file of skops, for ``vsdkit infer --engine boxes --boxes-model FILE``."""

    seed: Seed = 0
    """Seed of folds, trees, and of the items that frames of sentences are measured on."""
