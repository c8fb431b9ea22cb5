"""Predictions against gold: the challenge's numbers, each with its signature and error bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vsdkit.progress import Listener
from vsdkit.score.answered import score_answers
from vsdkit.score.report import ScoreReport
from vsdkit.settings.score import ScoreSettings
from vsdkit.settings.verb import verb

if TYPE_CHECKING:
    from vsdkit.score.coco import CocoReport
    from vsdkit.score.questions import ExportReport

__all__ = ["ScoreReport", "score", "score_answers"]


@verb(ScoreSettings)
def score(
    settings: ScoreSettings, *, listener: Listener, origins: Mapping[str, str] | None
) -> ScoreReport | CocoReport | ExportReport:
    """Return the numbers of one system's predictions, or of several, side by side.

    A metric that cannot run is None in the report, with the reason, and so are the totals it
    enters; nothing else is lost. With ``export_questions`` nothing is scored, and what was
    written is returned. With ``coco`` plain captions are scored.

    Raises:
        MissingInputError: If a file is not there.
        ConfigError: If a setting is wrong, or the files named do not make sense together.
        DataError: If a row is wrong, or gold has nothing to score it against.
        AlignmentError: If a row is missing, repeated, or answers no gold row.
    """
    if settings.export_questions is not None:
        from vsdkit.score.questions import export_questions

        return export_questions(settings, listener=listener)
    if settings.coco is not None:
        from vsdkit.score.coco import score_coco

        return score_coco(settings, listener=listener, origins=origins)
    from vsdkit.score.run import run_score

    return run_score(settings, listener=listener, origins=origins)
