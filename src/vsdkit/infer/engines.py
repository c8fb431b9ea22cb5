"""Which model the settings name, and which engine asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsdkit.infer.model_choice import ModelChoice, choose_model
from vsdkit.infer.processes import make_processes
from vsdkit.infer.server import ServedModel, ServerEngine, choose_served
from vsdkit.progress import SILENT, Listener

if TYPE_CHECKING:
    from vsdkit.infer.engine import Engine
    from vsdkit.settings.infer import InferSettings

__all__ = ["choose", "make_engine"]


def choose(settings: InferSettings, *, listener: Listener = SILENT) -> ModelChoice | ServedModel:
    """Return the model on this machine or at a server; see ``choose_model``, ``choose_served``."""
    if settings.engine == "openai":
        return choose_served(settings)
    return choose_model(settings, listener=listener)


def make_engine(
    settings: InferSettings, choice: ModelChoice | ServedModel, *, listener: Listener = SILENT
) -> Engine:
    """Return the engine that asks a model; what takes time is put off to the first row."""
    if isinstance(choice, ServedModel):
        return ServerEngine.from_settings(settings, choice, listener=listener)
    return make_processes(settings, choice, listener=listener)
