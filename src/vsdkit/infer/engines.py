"""Which engine the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsdkit.errors import ConfigError
from vsdkit.infer.processes import make_processes
from vsdkit.progress import SILENT, Listener

if TYPE_CHECKING:
    from vsdkit.infer.engine import Engine
    from vsdkit.infer.model_choice import ModelChoice
    from vsdkit.settings.infer import InferSettings

__all__ = ["make_engine"]


def make_engine(
    settings: InferSettings, choice: ModelChoice, *, listener: Listener = SILENT
) -> Engine:
    """Return the engine that the settings name; what takes time is put off to the first row."""
    if settings.engine == "openai":
        raise ConfigError("no server can be asked yet", where="--engine openai")
    return make_processes(settings, choice, listener=listener)
