"""Settings of whatever scores predictions against gold: ``vsdkit score`` and ``vsdkit report``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from vsdkit.settings.defaults import GOLD
from vsdkit.settings.fields import Paths, Seed
from vsdkit.settings.resolve import SAME_RESULT, Settings

__all__ = ["ScoringSettings"]

# Beyond each end of a 95 % interval lie 2.5 %: of 100 resamples two or three, of fewer hardly one.
_FEWEST_RESAMPLES = 100


class ScoringSettings(Settings):
    """Gold, how predictions are read and held against it, resamples, limits of Java."""

    gold: Annotated[Paths, Field(min_length=1, max_length=2)] = (GOLD,)
    """What is known of the answers: gold rows, or VSDv1 and VSDv2 by giving it twice."""

    kind: Literal["preds", "submission", "llava", "llama-factory", "lines"] | None = None
    """What the predictions are; else it is decided from their content."""

    task: Literal[1, 2, 3] | None = None
    """The task of answers that do not tell theirs."""

    reading: Literal["paper", "coco"] = "paper"
    """Which reading of BLEU-4, SPICE and mBLEU-4 makes z2, z3 and overall."""

    bootstrap: int = Field(default=1000, ge=0, le=100_000)
    """Resamples of images for intervals and p; 0 for none, and no fewer than 100 otherwise."""

    seed: Seed = 0
    """Seed of the resamples."""

    allow_missing: bool = False
    """Count gold rows without a prediction as wrong, instead of stopping at the first."""

    java_memory_mib: Annotated[int, SAME_RESULT] = Field(default=3072, ge=512, le=1_048_576)
    """Largest heap of Java, in MiB."""

    java_timeout_s: Annotated[float, SAME_RESULT] = Field(default=600, gt=0, le=86_400)
    """Longest time that Java may take for one batch of sentences, in seconds."""

    @field_validator("bootstrap")
    @classmethod
    def _enough(cls, value: int) -> int:
        if 0 < value < _FEWEST_RESAMPLES:
            raise ValueError(f"an interval needs {_FEWEST_RESAMPLES} resamples or more; 0 for none")
        return value
