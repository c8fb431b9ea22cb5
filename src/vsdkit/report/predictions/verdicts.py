"""The verdict on an answer, in a letter: what a page filters by and marks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vsdkit.report.predictions.answered import Answer

__all__ = ["VERDICTS", "verdict_of"]

VERDICTS = {
    "R": "right",
    "W": "wrong",
    "N": "not stated",
    "U": "unparsed",
    "M": "missing",
    "E": "error",
    "A": "answered",
    "-": "not asked",
}
"""Letter to what it means. ``answered`` is what is not held against anything."""


def verdict_of(answer: Answer | None) -> str:
    """Return the letter of an answer.

    A label is right if gold has it. Sentences are right if one of them states a relation, and
    each that does states one of gold's, from either side; they are wrong if one states only
    others. Whether a sentence is good English, or like a reference, is no part of it.

    Args:
        answer: What was answered; None if it was not asked.
    """
    if answer is None:
        return "-"
    row, facts = answer
    if row.prediction is None:
        return "M"
    if row.has_failed:
        return "E"
    if row.is_unparsed:
        return "U"
    if row.gold.task == 1:
        # Scored, or not: the scorer alone says what is right.
        return "A" if "correct" not in facts else "R" if facts["correct"] else "W"
    if "agrees" not in facts:
        return "A"
    if row.gold.task == 2:
        return _of_sentences([facts["stated"]], [facts["agrees"]])
    return _of_sentences(facts["stated"], facts["agrees"])


def _of_sentences(stated: Sequence[Sequence[Any]], agrees: Sequence[bool]) -> str:
    told = [right for relations, right in zip(stated, agrees, strict=True) if relations]
    if not told:
        return "N"
    return "R" if all(told) else "W"
