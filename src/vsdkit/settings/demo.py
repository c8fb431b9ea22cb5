"""Settings of ``vsdkit demo``: the synthetic scenes, the length of the training, the folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from vsdkit.settings.fields import Folder
from vsdkit.settings.resolve import SAME_RESULT, Settings

__all__ = ["DemoSettings"]


class DemoSettings(Settings):
    """How many synthetic scenes there are, and how long a model learns from them."""

    folder: Annotated[Folder, SAME_RESULT] = Path("vsdkit-demo")
    """Where everything is left to look into."""

    # The held-out scenes have seed 899, the tiny base's own 900 and above.
    seed: int = Field(default=0, ge=0, lt=899)
    """Draws the training pictures and seeds the training; held-out pictures never change."""

    scenes: int = Field(default=4000, ge=16, le=9000)
    """Pictures to learn from."""

    held_out: int = Field(default=300, ge=9, le=2000)
    """Pictures to be tested on."""

    steps: int = Field(default=450, ge=1)
    """Steps of fine-tuning, 16 rows each."""

    processes: int = Field(default=2, ge=1, le=8)
    """Processes that train, one a core."""
