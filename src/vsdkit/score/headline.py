"""Headline numbers: those in one row where results are set side by side (demo, ablations)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vsdkit.score.declared import Declared
from vsdkit.score.numbers import NUMBERS, OVERALL, TASK_TOTALS

__all__ = ["HEADLINE", "headline"]

_IN_A_ROW: tuple[Declared, ...] = (*NUMBERS, *TASK_TOTALS, OVERALL)

HEADLINE: Mapping[str, tuple[str, ...]] = {one.column: one.place for one in _IN_A_ROW if one.column}
"""Column of a table to its place in what ``score --json`` prints."""


def headline(scores: Mapping[str, Any]) -> dict[str, float | None]:
    """Return each headline number of what ``score --json`` prints; None where it has no value.

    >>> headline({"task1": {"f1_micro": 80.0}, "overall": None})["F1"]
    80.0
    """
    return {column: _at(scores, place) for column, place in HEADLINE.items()}


def _at(scores: Mapping[str, Any], place: tuple[str, ...]) -> Any:
    value: Any = scores
    for key in place:
        value = None if value is None else value.get(key)
    return value
