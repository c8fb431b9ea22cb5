"""A model of boxes and tags that needs no pixels: ``fit-boxes``, ``infer --engine boxes``."""

from __future__ import annotations

from vsdkit.boxes.fit import FitBoxesReport
from vsdkit.boxes.fit import fit_boxes as run_fit
from vsdkit.settings.fit_boxes import FitBoxesSettings
from vsdkit.settings.verb import verb

__all__ = ["FitBoxesReport", "fit_boxes"]

fit_boxes = verb(FitBoxesSettings)(run_fit)
