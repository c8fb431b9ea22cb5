"""Settings of ``vsdkit infer``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from vsdkit.settings.fields import OutputFile, Tasks
from vsdkit.settings.resolve import SAME_RESULT, Settings

__all__ = ["InferSettings"]


class InferSettings(Settings):
    """What is asked of which model, and where the answers go."""

    items: Path = Path("gold.jsonl")
    """gold.jsonl, or pairs of one's own as JSON Lines or CSV."""

    images: tuple[Path, ...] = Field(default=(Path("images"),), min_length=1)
    """Folders of pictures, searched below too."""

    adapter: Path | None = None
    """Run folder of ``vsdkit finetune``; None takes the newest complete one in ``runs``."""

    base: str | None = None
    """Base model: without an adapter it answers itself; with one it stands in for the base that
    the adapter's run.json names, where that has moved."""

    template: str | None = None
    """Template of the questions; None takes the adapter's, or paper without an adapter."""

    conversation: str | None = None
    """Conversation format; None takes the adapter's, or vicuna_v1 without an adapter."""

    image_mode: Literal["single", "anyres"] | None = None
    """How pictures are cut; None takes the adapter's, or single without an adapter."""

    output: Annotated[OutputFile, SAME_RESULT] = Path("preds.jsonl")
    """The answers, one row per (id, task)."""

    tasks: Tasks = (1, 2, 3)
    """Tasks to ask."""

    batch_size: Annotated[int, SAME_RESULT] = Field(default=8, ge=1, le=1024)
    """Rows answered at once."""

    precision: Literal["auto", "fp16", "bf16", "fp32"] = "auto"
    """Number format; auto takes what the GPU has."""

    limit: int | None = Field(default=None, ge=1)
    """Ask only of the first so many items."""

    overwrite: Annotated[bool, SAME_RESULT] = False
    """Begin anew although answers made otherwise are there."""
