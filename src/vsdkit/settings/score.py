"""Settings of ``vsdkit score``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from vsdkit.settings.resolve import Settings

__all__ = ["ScoreSettings"]


class ScoreSettings(Settings):
    """Which predictions are scored, against what, and how much Java may take."""

    preds: Path = Path("preds.jsonl")
    """Predictions, one row for each (id, task)."""

    gold: Path = Path("gold.jsonl")
    """What is known of the answers, one row for each (id, task)."""

    items: Path | None = None
    """Where every row's own numbers go."""

    allow_missing: bool = False
    """Count gold rows without a prediction as wrong, instead of stopping at the first."""

    java_memory_mib: int = Field(default=3072, ge=512, le=1_048_576)
    """Largest heap of Java, in MiB."""

    java_timeout_s: float = Field(default=600, gt=0, le=86_400)
    """Longest time that Java may take for one batch of sentences, in seconds."""
