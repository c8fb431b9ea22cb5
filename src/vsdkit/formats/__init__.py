"""Read predictions and gold as vsdkit, other tools and the challenge write them.

What a file is, is decided from its content, told in one line, and can be forced.
"""

from __future__ import annotations

from vsdkit.formats.format import Format, FoundRows
from vsdkit.formats.gold import GoldFile, read_gold
from vsdkit.formats.kinds import FORMATS
from vsdkit.formats.predictions import PredictionFile, read_predictions
from vsdkit.formats.questions import QUESTION_KINDS, question_text, write_questions
from vsdkit.formats.submission import (
    Submission,
    find_files,
    submission_files,
    write_submission,
)

__all__ = [
    "FORMATS",
    "QUESTION_KINDS",
    "Format",
    "FoundRows",
    "GoldFile",
    "PredictionFile",
    "Submission",
    "find_files",
    "question_text",
    "read_gold",
    "read_predictions",
    "submission_files",
    "write_questions",
    "write_submission",
]
