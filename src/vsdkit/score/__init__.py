"""Predictions against gold: the challenge's numbers, each with its signature and error bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsdkit.progress import SILENT, Listener
from vsdkit.score.report import ScoreReport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vsdkit.score.questions import ExportReport
    from vsdkit.settings.score import ScoreSettings

__all__ = ["ScoreReport", "export_questions", "score"]


def score(
    settings: ScoreSettings,
    *,
    listener: Listener = SILENT,
    origins: Mapping[str, str] | None = None,
) -> ScoreReport:
    """Return the numbers of one system's predictions, or of several, side by side.

    A metric that cannot run is None in the report, with the reason, and so are the totals it
    enters; nothing else is lost.

    Args:
        settings: The files, the reading, what is wanted besides, and how much Java may take.
        listener: Who hears of progress.
        origins: Where each setting came from.

    Raises:
        MissingInputError: If a file is not there.
        ConfigError: If the files named do not make sense together.
        DataError: If a row is wrong, or gold has nothing to score it against.
        AlignmentError: If a row is missing, repeated, or answers no gold row.
    """
    from vsdkit.score.run import run_score

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
