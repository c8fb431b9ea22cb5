"""The page of predictions: pictures with their boxes, answers beside references, and why."""

from __future__ import annotations

from vsdkit.report.predictions.write import write_predictions

__all__ = ["write_predictions"]
