"""Settings of ``vsdkit ablate``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from vsdkit.settings.resolve import Settings

__all__ = ["AblateSettings", "GridSettings"]


class AblateSettings(Settings):
    """What the paper's Table 4 is made again from."""

    preds: Path = Path("preds.jsonl")
    """Predictions without rewriting."""
    gold: Path = Path("gold.jsonl")
    """What they are scored against."""
    engine: Literal["transformers", "openai", "rules"] = "transformers"
    """What rewrites sentence 2."""
    model: str | None = None
    """The engine's model; None takes the engine's default."""
    base_url: str | None = None
    """Address of the server, for the openai engine."""
    folder: Path = Path("ablations")
    """Where each stage keeps what it made."""


class GridSettings(Settings):
    """A file for ``--config``: settings of the stages, and those that vary."""

    preds: Path | None = None
    """Predictions to begin with, where infer is no stage."""
    gold: Path | None = None
    """What is inferred and scored; None takes what build-instructions wrote."""
    stages: dict[str, dict[str, object]] = Field(default_factory=dict)
    """Stage (build-instructions, finetune, infer, diversify, score) to its settings; only the
    stages named here are run, in this order."""
    grid: dict[str, list[object]] = Field(min_length=1)
    """``stage.setting`` to its values; every combination is run. ``diversify.engine: none`` leaves
    rewriting out."""
