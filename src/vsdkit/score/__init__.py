"""Predictions against gold: the challenge's numbers, each with its signature and error bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vsdkit.progress import SILENT, Listener
from vsdkit.score.report import ScoreReport
from vsdkit.settings.score import ScoreSettings
from vsdkit.settings.verb import verb

if TYPE_CHECKING:
    from vsdkit.score.questions import ExportReport

__all__ = ["ScoreReport", "export_questions", "score"]


@verb(ScoreSettings)
def score(
    settings: ScoreSettings, *, listener: Listener, origins: Mapping[str, str] | None
) -> ScoreReport | ExportReport:
    """Return the numbers of one system's predictions, or of several, side by side.

    A metric that cannot run is None in the report, with the reason, and so are the totals it
    enters; nothing else is lost. With ``export_questions`` nothing is scored, and what was
    written is returned.

    Raises:
        MissingInputError: If a file is not there.
        ConfigError: If a setting is wrong, or the files named do not make sense together.
        DataError: If a row is wrong, or gold has nothing to score it against.
        AlignmentError: If a row is missing, repeated, or answers no gold row.
    """
    from vsdkit.score.run import run_score

    if settings.export_questions is not None:
        return export_questions(settings, listener=listener)
    return run_score(settings, listener=listener, origins=origins)


def export_questions(settings: ScoreSettings, *, listener: Listener = SILENT) -> ExportReport:
    """Write a question for each gold row, for a rival's own tool, and return how many there are.

    Raises:
        MissingInputError: If gold is not there.
        DataError: If a gold row is wrong.
        TemplateError: If the template is unknown or wrong.
        ConfigError: If no file is named.
    """
    from vsdkit.score.questions import export_questions

    return export_questions(settings, listener=listener)
