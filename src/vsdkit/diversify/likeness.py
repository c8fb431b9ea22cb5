"""How much alike the three sentences are: mBLEU-4 before and after rewriting."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from vsdkit.errors import MetricError

if TYPE_CHECKING:
    from vsdkit.data.records import PredictionRow
    from vsdkit.progress import Listener

__all__ = ["Likeness", "measure_likeness"]

_DECIMALS = 4
"""As many as the paper prints of mBLEU-4."""


class Likeness(NamedTuple):
    """mBLEU-4 of the same rows before and after; 0 to 100, less is more diverse."""

    before: float | None
    """None where it could not be measured."""
    after: float | None
    """None where it could not be measured."""
    note: str
    """Why it could not; empty otherwise."""


def measure_likeness(
    before: Iterable[PredictionRow], after: Iterable[PredictionRow], listener: Listener
) -> Likeness:
    """Return mBLEU-4 of the rows of task 3 that have three sentences.

    Without Java there are no numbers, but the rewriting is done: the listener is told, and the
    note says why.
    """
    from vsdkit.jvm import tokenize
    from vsdkit.metrics import score_mbleu4

    triples = [
        [row.prediction for row in rows if row.task == 3 and isinstance(row.prediction, tuple)]
        for rows in (before, after)
    ]
    if not triples[0]:
        return Likeness(None, None, "no row has three sentences")
    # Two of each three sentences are the same before and after: each text is tokenised once.
    sentences = sorted({text for rows in triples for triple in rows for text in triple})
    try:
        tokens = dict(zip(sentences, tokenize(sentences), strict=True))
    except MetricError as error:
        listener.message(f"mBLEU-4 is n/a: {error.message}")
        return Likeness(None, None, error.message)
    scores = [
        score_mbleu4([[tokens[text] for text in triple] for triple in rows]).mean
        for rows in triples
    ]
    return Likeness(round(scores[0], _DECIMALS), round(scores[1], _DECIMALS), "")
