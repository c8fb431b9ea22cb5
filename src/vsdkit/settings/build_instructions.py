"""Settings of ``vsdkit build-instructions``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from vsdkit.settings.fields import OutputFile, Tasks
from vsdkit.settings.resolve import Settings

__all__ = ["BuildInstructionsSettings"]


class BuildInstructionsSettings(Settings):
    """What to read, which rows to make of it, and where they go."""

    v1: Path
    """VSDv1's JSON file."""

    v2: Path
    """VSDv2's JSON file of the same split."""

    output: OutputFile = Path("instructions.jsonl")
    """The instruction rows; instructions.json where ``format`` is json and nothing is named."""

    gold: OutputFile = Path("gold.jsonl")
    """The gold rows: every pair with all three tasks."""

    template: str = "paper"
    """Questions and answers: paper, varied, beyond, or a YAML file of the same form."""

    pairs: Literal["first", "all"] = "first"
    """The first pair of each picture, which VSDv2 keeps, or all of them."""

    tasks: Tasks = (1, 2, 3)
    """The tasks that get instruction rows; gold rows have all three."""

    format: Literal["jsonl", "json"] = "jsonl"
    """One row a line, or one list as LLaVA's own trainer loads it."""

    rejects: OutputFile | None = None
    """Where what was left out is kept, with the reason."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the drawn questions and captions."""

    @model_validator(mode="before")
    @classmethod
    def _name_by_format(cls, values: Any) -> Any:
        # A list under a name that ends in .jsonl would be read as rows by every other tool.
        if isinstance(values, dict) and values.get("format") == "json" and "output" not in values:
            return values | {"output": Path("instructions.json")}
        return values
