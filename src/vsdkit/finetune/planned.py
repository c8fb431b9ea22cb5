"""A run that could be started: its settings, and what follows from them here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsdkit.finetune.plan import Plan
from vsdkit.finetune.preflight import Inputs
from vsdkit.launch import Launch
from vsdkit.settings.finetune import FinetuneSettings

if TYPE_CHECKING:
    from transformers import PretrainedConfig

__all__ = ["Planned"]


@dataclass(frozen=True, slots=True)
class Planned:
    """A run that could be started."""

    settings: FinetuneSettings
    origins: Mapping[str, str]
    """Setting to where its value came from."""
    inputs: Inputs
    config: PretrainedConfig
    """The base's."""
    commit: str | None
    """Of the base's files; None in a dry run of a base that is not here."""
    plan: Plan
    identity: Mapping[str, Any]
    """What must be the same for a run to go on, but for the images."""
    launch: Launch
    folder: Path
    """The run's."""
