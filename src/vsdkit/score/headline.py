"""The numbers that stand in one row, when results are set side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["HEADLINE", "headline"]

HEADLINE: Mapping[str, tuple[str, ...]] = {
    "F1": ("task1", "f1_micro"),
    "BLEU-4": ("task2", "bleu4"),
    "SPICE 2": ("task2", "spice"),
    "mBLEU-4": ("task3", "mbleu4"),
    "SPICE 3": ("task3", "spice"),
    "z1": ("z1",),
    "z2": ("z2",),
    "z3": ("z3",),
    "overall": ("overall",),
}
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
