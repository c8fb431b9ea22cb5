"""Settings of ``vsdkit build-instructions``: both files, template, tasks, outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import model_validator

from vsdkit.settings.defaults import GOLD, INSTRUCTIONS, TEMPLATE
from vsdkit.settings.fields import OutputFile, Seed, Tasks
from vsdkit.settings.resolve import ARGUMENT, SAME_RESULT, Flag, Settings

__all__ = ["BuildInstructionsSettings"]


class BuildInstructionsSettings(Settings):
    """What to read, which rows to make of it, and where they go."""

    v1: Annotated[Path, ARGUMENT]
    """VSDv1's JSON file."""

    v2: Annotated[Path, ARGUMENT]
    """VSDv2's JSON file of the same split."""

    output: Annotated[OutputFile, SAME_RESULT, Flag(("-o",))] = INSTRUCTIONS
    """The instruction rows; instructions.json where ``format`` is json and nothing is named."""

    gold: Annotated[OutputFile, SAME_RESULT] = GOLD
    """The gold rows: every pair with all three tasks."""

    template: str = TEMPLATE
    """Questions and answers: paper, varied, beyond, or a YAML file of the same form."""

    pairs: Literal["first", "all"] = "first"
    """The first pair of each picture, which VSDv2 keeps, or all of them."""

    tasks: Tasks = (1, 2, 3)
    """The tasks that get instruction rows; gold rows have all three."""

    format: Literal["jsonl", "json"] = "jsonl"
    """One row a line, or one list as LLaVA's own trainer loads it."""

    rejects: Annotated[OutputFile | None, SAME_RESULT] = None
    """Where what was left out is kept, with the reason."""

    seed: Seed = 0
    """Seed of the choice among questions and captions."""

    @model_validator(mode="before")
    @classmethod
    def _name_by_format(cls, values: Any) -> Any:
        # A list under a name that ends in .jsonl would be read as rows by every other tool.
        if isinstance(values, dict) and values.get("format") == "json" and "output" not in values:
            return values | {"output": INSTRUCTIONS.with_suffix(".json")}
        return values
