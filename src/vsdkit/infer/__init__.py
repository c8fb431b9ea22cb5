"""Images and pairs of objects -> predictions, by the model with or without an adapter."""

from __future__ import annotations

from vsdkit.infer.report import InferReport
from vsdkit.infer.ways import infer as run_infer
from vsdkit.settings.infer import InferSettings
from vsdkit.settings.verb import verb

__all__ = ["InferReport", "infer"]

infer = verb(InferSettings)(run_infer)
