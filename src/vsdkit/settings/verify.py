"""Settings of ``vsdkit verify``: the run, what it is compared with, what counts as the same."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from vsdkit.settings.defaults import PrecisionChoice
from vsdkit.settings.fields import Folder, Images
from vsdkit.settings.resolve import ARGUMENT, Flag, Settings

__all__ = ["VerifySettings"]


class VerifySettings(Settings):
    """Which forms of a run are compared, on which questions."""

    run: Annotated[Folder | None, ARGUMENT] = None
    """Run folder of ``vsdkit finetune``; else the newest complete one in runs/."""

    against: Folder | None = None
    """Merged model that is compared with the adapter on its base, weight by weight and in its
    answers."""

    base_url: str | None = None
    """Address of a chat server that is compared too, such as http://localhost:8000/v1."""

    model: str | None = None
    """Name of the model at the server; else the folder of --against, or the run's name."""

    items: Annotated[Path | None, Flag(metavar="FILE")] = None
    """gold.jsonl, or pairs of one's own, to ask about; else rows that the run was trained on."""

    images: Images | None = None
    """Folder of pictures, searched below too; else those that the run was trained on."""

    rows: int = Field(default=20, ge=1)
    """Questions that are asked."""

    base: str | None = None
    """Base model that stands in for the one that run.json names, where that has moved."""

    precision: PrecisionChoice = "auto"
    """Number format; auto takes what the GPU has."""

    min_equal: float | None = Field(default=None, ge=0, le=1)
    """Least share of texts that must be equal; else 1 in fp32, 0.9 in 16 bits and at a server."""

    max_difference: float | None = Field(default=None, ge=0)
    """Largest difference of a logit of the first token; else 0.01 in fp32, 0.25 in fp16, 1 in
    bf16."""

    max_probability_difference: float = Field(default=0.1, ge=0, le=1)
    """Largest difference of a first token's probability at a server."""

    @model_validator(mode="after")
    def _server(self) -> Self:
        if self.model is not None and self.base_url is None:
            raise ValueError("--model names a model at a server: name its address, --base-url")
        return self
