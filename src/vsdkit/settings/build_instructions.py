"""Settings of ``vsdkit build-instructions``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from vsdkit.settings.resolve import Settings

__all__ = ["BuildInstructionsSettings"]


class BuildInstructionsSettings(Settings):
    """What to read, which rows to make of it, and where they go."""

    v1: Path
    """VSDv1's JSON file."""

    v2: Path
    """VSDv2's JSON file of the same split."""

    output: Path = Path("instructions.jsonl")
    """The instruction rows; instructions.json where ``format`` is json and nothing is named."""

    gold: Path = Path("gold.jsonl")
    """The gold rows: every pair with all three tasks."""

    template: str = "paper"
    """Questions and answers: paper, varied, beyond, or a YAML file of the same form."""

    pairs: Literal["first", "all"] = "first"
    """The first pair of each picture, which VSDv2 keeps, or all of them."""

    tasks: tuple[Literal[1, 2, 3], ...] = Field(default=(1, 2, 3), min_length=1)
    """The tasks that get instruction rows; gold rows have all three."""

    format: Literal["jsonl", "json"] = "jsonl"
    """One row a line, or one list as LLaVA's own trainer loads it."""

    rejects: Path | None = None
    """Where what was left out is kept, with the reason."""

    seed: int = 0
    """Seed of the drawn questions and captions."""

    @field_validator("tasks", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            parts = [part.strip() for part in value.split(",")]
            return sorted({int(part) if part.isdecimal() else part for part in parts}, key=str)
        return [value] if isinstance(value, int) else value

    @model_validator(mode="before")
    @classmethod
    def _name_by_format(cls, values: Any) -> Any:
        # A list under a name that ends in .jsonl would be read as rows by every other tool.
        if isinstance(values, dict) and values.get("format") == "json" and "output" not in values:
            return values | {"output": Path("instructions.json")}
        return values
