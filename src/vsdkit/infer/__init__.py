"""Images and pairs of objects -> predictions, by the model with or without an adapter."""

from vsdkit.infer.run import InferReport, infer

__all__ = ["InferReport", "infer"]
