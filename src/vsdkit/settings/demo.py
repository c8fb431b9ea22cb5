"""Settings of ``vsdkit demo``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from vsdkit.settings.resolve import Settings

__all__ = ["DemoSettings"]


class DemoSettings(Settings):
    """Synthetic scenes and how much of it."""

    folder: Path = Path("vsdkit-demo")
    """Where everything is left to look into."""
    seed: int = Field(0, ge=0, lt=899)
    """Draws the training pictures and seeds the training; held-out pictures never change."""
    scenes: int = Field(4000, ge=16, le=9000)
    """Pictures to learn from."""
    held_out: int = Field(300, ge=9, le=2000)
    """Pictures to be tested on."""
    steps: int = Field(450, ge=1)
    """Steps of fine-tuning, 16 rows each."""
    processes: int = Field(2, ge=1, le=8)
    """Processes that train, one a core."""
