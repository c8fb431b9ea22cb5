"""Read detections, which are boxes with labels, as other tools write them."""

from __future__ import annotations

from vsdkit.formats.detections.found import Detected, DetectionFormat, check_box
from vsdkit.formats.detections.reading import Detections, find_detections, read_detections

__all__ = [
    "Detected",
    "DetectionFormat",
    "Detections",
    "check_box",
    "find_detections",
    "read_detections",
]
