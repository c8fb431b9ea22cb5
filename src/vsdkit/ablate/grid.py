"""From a file of settings and varying values to the combinations that are run."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vsdkit.ablate.stages import STAGES
from vsdkit.errors import ConfigError
from vsdkit.settings.ablate import AblateSettings
from vsdkit.settings.commands import COMMANDS

__all__ = ["Cell", "expand"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination."""

    choices: Mapping[str, Any]
    """``stage.setting`` to the value taken here."""
    stages: Mapping[str, Mapping[str, Any]]
    """Each stage that runs to all of its settings."""


def expand(grid: AblateSettings) -> list[Cell]:
    """Return every combination of the varying values, the last one varying fastest.

    Raises:
        ConfigError: If a stage or a setting is unknown, a varying key is not ``stage.setting``
            or has no values.
    """
    for stage, settings in grid.stages.items():
        _check_stage(stage, f"stages.{stage}")
        for setting in settings:
            _check_setting(stage, setting, f"stages.{stage}.{setting}")
    for key, values in grid.grid.items():
        stage, dot, setting = key.partition(".")
        if not dot or not setting:
            raise ConfigError(
                f"{key!r} is not stage.setting, as finetune.lora_rank", where=f"grid.{key}"
            )
        _check_stage(stage, f"grid.{key}")
        _check_setting(stage, setting, f"grid.{key}")
        if not values:
            raise ConfigError(f"{key!r} has no values", where=f"grid.{key}")
    combinations = itertools.product(*grid.grid.values())
    return [_cell(grid, dict(zip(grid.grid, values, strict=True))) for values in combinations]


def _cell(grid: AblateSettings, choices: dict[str, Any]) -> Cell:
    stages: dict[str, dict[str, Any]] = {
        stage: dict(settings) for stage, settings in grid.stages.items()
    }
    for key, value in choices.items():
        stage, _, setting = key.partition(".")
        stages.setdefault(stage, {})[setting] = value
    if stages.get("diversify", {}).get("engine", "") in (None, "none"):
        del stages["diversify"]
    stages.setdefault("score", {})
    return Cell(choices, {stage: stages[stage] for stage in STAGES if stage in stages})


def _check_stage(stage: str, where: str) -> None:
    if stage not in STAGES:
        raise ConfigError(f"unknown stage {stage!r}; known: {', '.join(STAGES)}", where=where)


def _check_setting(stage: str, setting: str, where: str) -> None:
    # Here, and not when the stage is reached: that may be hours later.
    known = COMMANDS[stage].load_settings().model_fields
    if setting not in known:
        raise ConfigError(
            f"{stage} has no setting {setting!r}",
            where=where,
            hint=f"known: {', '.join(sorted(known))}",
        )
