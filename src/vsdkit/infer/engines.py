"""Which model the settings name, and which engine asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsdkit.infer.boxes import BoxesEngine, FittedBoxes, choose_boxes
from vsdkit.infer.mixture import Infer, MixedModels, choose_mixed, make_mixture
from vsdkit.infer.model_choice import ModelChoice, choose_model
from vsdkit.infer.processes import make_processes
from vsdkit.infer.server import ServedModel, ServerEngine, choose_served
from vsdkit.progress import SILENT, Listener

if TYPE_CHECKING:
    from vsdkit.infer.engine import Engine
    from vsdkit.settings.infer import InferSettings

__all__ = ["Choice", "choose", "make_engine"]


Choice = ModelChoice | ServedModel | FittedBoxes | MixedModels
"""What the settings name."""


def choose(settings: InferSettings, *, infer: Infer, listener: Listener = SILENT) -> Choice:
    """Return the model on this machine, at a server, of boxes alone, or a mixture of two.

    See ``choose_model``, ``choose_served``, ``choose_boxes``, ``choose_mixed``; the last has
    ``infer`` answer the rows that its weight is chosen on.
    """
    if settings.engine == "boxes+vlm":
        return choose_mixed(settings, infer=infer, listener=listener)
    if settings.engine == "boxes":
        return choose_boxes(settings, listener=listener)
    if settings.engine == "openai":
        return choose_served(settings)
    return choose_model(settings, listener=listener)


def make_engine(settings: InferSettings, choice: Choice, *, listener: Listener = SILENT) -> Engine:
    """Return the engine that asks a model; what takes time is put off to the first row."""
    if isinstance(choice, FittedBoxes):
        return BoxesEngine(choice, settings)
    if isinstance(choice, MixedModels):
        return make_mixture(settings, choice, listener=listener)
    if isinstance(choice, ServedModel):
        return ServerEngine.from_settings(settings, choice, listener=listener)
    return make_processes(settings, choice, listener=listener)
