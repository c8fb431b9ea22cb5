"""Score answers that another tool holds in memory, as that tool's models wrote them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from vsdkit.answers import read_prediction
from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import GoldRow
from vsdkit.progress import SILENT, Listener
from vsdkit.score.report import ScoreReport
from vsdkit.settings.score import ScoreSettings

__all__ = ["score_answers"]


def score_answers(
    gold: Sequence[GoldRow], answers: Sequence[str], *, listener: Listener = SILENT
) -> ScoreReport:
    """Return the numbers of raw answers to gold rows, without intervals.

    Args:
        gold: What was asked, with what is known of the answers.
        answers: Of each gold row what a model said, word for word.
        listener: Who hears of progress.

    Raises:
        ValueError: If there are more answers or fewer.
        DataError: If a gold row has nothing to be scored against.
    """
    from vsdkit.score.run import run_score

    rows = [read_prediction(row, said) for row, said in zip(gold, answers, strict=True)]
    with tempfile.TemporaryDirectory() as name:
        preds, known = Path(name) / "preds.jsonl", Path(name) / "gold.jsonl"
        write_rows(preds, (row.to_dict() for row in rows))
        write_rows(known, (row.to_dict() for row in gold))
        settings = ScoreSettings(preds=(preds,), gold=(known,), bootstrap=0)
        return run_score(settings, listener=listener, origins=None)
