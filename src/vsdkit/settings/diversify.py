"""Settings of ``vsdkit diversify``: files, engine and model, attempts, what is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from vsdkit.settings.defaults import GOLD, PREDS, Engine
from vsdkit.settings.fields import OutputFile, Seed
from vsdkit.settings.resolve import ARGUMENT, SAME_RESULT, Flag, Settings

__all__ = ["DiversifySettings"]


class DiversifySettings(Settings):
    """Which sentences are rewritten, by what, and where they go."""

    preds: Annotated[Path, ARGUMENT] = PREDS
    """Predictions; a sentence of each task 3 row is rewritten."""

    gold: Path = GOLD
    """The items that were predicted: their two objects are read; their answers by --check-spice
    alone, and never for a rewrite."""

    replace: int = Field(default=2, ge=2, le=3)
    """Which of the three sentences is rewritten: 2, as in the paper, or 3."""

    engine: Engine = "transformers"
    """A model on this machine, a server that speaks OpenAI's protocol, or rules without a model."""

    model: str = "Qwen/Qwen2-7B-Instruct"
    """The model's name or folder; the rules have none."""

    prompt: str = "paper"
    """What a model is asked: paper, plain, or a YAML file of one's own; the rules ask none."""

    base_url: Annotated[str | None, SAME_RESULT] = None
    """Address of the server, else OPENAI_BASE_URL; the key comes from OPENAI_API_KEY."""

    concurrency: Annotated[int, SAME_RESULT] = Field(default=8, ge=1, le=256)
    """Questions to the server under way at once."""

    no_store: Annotated[bool, SAME_RESULT] = False
    """Ask the server again what it has answered before, and keep no answer for later runs."""

    gpus: Annotated[int | None, SAME_RESULT] = Field(default=None, ge=1, le=1024)
    """Processes of the transformers engine, one a GPU; else every visible GPU. Without a GPU they
    run on the CPU, one by default."""

    batch_size: Annotated[int, SAME_RESULT] = Field(default=16, ge=1, le=4096)
    """Sentences that a model on this machine rewrites at once; halved where memory runs out."""

    attempts: int = Field(default=3, ge=1, le=20)
    """How often a sentence is tried before it stays as it was."""

    output: Annotated[OutputFile, SAME_RESULT, Flag(("-o",))] = Path("preds.diverse.jsonl")
    """The predictions with the rewritten sentences."""

    seed: Seed = 0
    """Seed of every attempt after the first, and of the rules' choices."""

    check_spice: Annotated[bool, SAME_RESULT] = False
    """Measure SPICE before and after, too, as in the paper's Table 4; --gold must hold the
    references of task 3."""

    overwrite: Annotated[bool, SAME_RESULT] = False
    """Begin anew although an older result is there."""
