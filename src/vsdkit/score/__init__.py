"""Predictions against gold: the challenge's numbers, each with its signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsdkit.progress import SILENT, Listener
from vsdkit.score.report import ScoreReport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vsdkit.settings.score import ScoreSettings

__all__ = ["ScoreReport", "score"]


def score(
    settings: ScoreSettings,
    *,
    listener: Listener = SILENT,
    origins: Mapping[str, str] | None = None,
) -> ScoreReport:
    """Return the numbers of a file of predictions.

    A metric that cannot run is None in the report, with the reason, and so are the totals it
    enters; nothing else is lost.

    Args:
        settings: The files, and how much Java may take.
        listener: Who hears of progress.
        origins: Where each setting came from.

    Raises:
        MissingInputError: If a file is not there.
        DataError: If a row is wrong, or gold has nothing to score it against.
        AlignmentError: If a row is missing, repeated, or answers no gold row.
    """
    from vsdkit.score.run import run_score

    return run_score(settings, listener=listener, origins=origins)
