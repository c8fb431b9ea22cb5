"""Diagnosis: relations confused, sides against boxes, statements of sentences, the worst rows."""

from __future__ import annotations

from vsdkit.score.diagnosis.diagnose import diagnose
from vsdkit.score.diagnosis.report import Diagnosis
from vsdkit.score.diagnosis.worst import worst_rows, worst_table

__all__ = ["Diagnosis", "diagnose", "worst_rows", "worst_table"]
