"""What scoring found, as JSON, as a table, and row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vsdkit.errors import MetricError

__all__ = ["READING", "ScoreReport"]

READING = {
    "task1": "micro-F1 over (image, subject, object) pairs; gold a set, the prediction one label",
    "task2": "BLEU-4 and SPICE against each reference, each maximum on its own, mean over items",
    "task3": "mBLEU-4 of each sentence against the other two, un-smoothed; SPICE of each sentence "
    "with its best reference; means over sentences, then items",
}

_LABELS = {
    "overall": "overall",
    "z1": "z1",
    "z2": "z2",
    "z3": "z3",
    "task1.f1_micro": "1 F1 micro",
    "task1.f1_macro": "1 F1 macro",
    "task1.f1_weighted": "1 F1 weighted",
    "task1.f1_samples": "1 F1 samples",
    "task1.accuracy": "1 accuracy",
    "task2.bleu4": "2 BLEU-4",
    "task2.spice": "2 SPICE",
    "task2.bleu4_coco": "2 BLEU-4 coco",
    "task2.spice_coco": "2 SPICE coco",
    "task3.mbleu4": "3 mBLEU-4",
    "task3.spice": "3 SPICE",
    "task3.mbleu4_corpus": "3 mBLEU-4 corpus",
}
_COUNTS = ("unparsed", "missing", "n")


@dataclass(frozen=True)
class ScoreReport:
    """Every number with its signature, and the reason where there is none.

    Args:
        numbers: By dotted name as ``task2.bleu4``; None where a metric has no value.
        signatures: The choices behind each number, by the same names.
        reasons: Why a number is None, by the same names.
        failures: The errors of metrics that could not run here.
        seen_in_training: How many of the pictures the adapter was trained on, if known.
        items: One row for each (id, task) with every number of that row.
    """

    numbers: Mapping[str, float | int | None]
    signatures: Mapping[str, str]
    reasons: Mapping[str, str]
    failures: Sequence[MetricError] = ()
    seen_in_training: Mapping[str, int] | None = None
    items: Sequence[Mapping[str, Any]] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the report as ``score --json`` prints it, without the single rows."""
        nested: dict[str, Any] = dict.fromkeys(("overall", "z1", "z2", "z3"))
        for name, value in self.numbers.items():
            task, _, field = name.rpartition(".")
            (nested.setdefault(task, {}) if task else nested)[field] = value
        return {
            **nested,
            "reading": READING,
            "signature": dict(self.signatures),
            "reasons": dict(self.reasons),
            "seen_in_training": self.seen_in_training and dict(self.seen_in_training),
        }

    def table(self) -> list[tuple[str, float | int | None, str]]:
        """Return the rows of the printed table: number, value, signature."""
        return [
            (label, self.numbers[name], self.signatures[name]) for name, label in _LABELS.items()
        ]

    def notes(self) -> list[str]:
        """Return the lines below the table: rows counted, and what must be known to read it."""
        lines = [
            f"task {task}: {self.numbers[f'task{task}.n']:,} rows, "
            f"{self.numbers[f'task{task}.unparsed']:,} unparsed, "
            f"{self.numbers[f'task{task}.missing']:,} missing (counted as wrong)"
            for task in (1, 2, 3)
            if self.numbers[f"task{task}.n"]
        ]
        lines += [f"n/a: {reason}" for reason in dict.fromkeys(self.reasons.values())]
        if self.seen_in_training:
            seen, pictures = self.seen_in_training["seen"], self.seen_in_training["pictures"]
            lines.append(f"{seen:,} of {pictures:,} pictures were trained on")
        return lines

    def require_complete(self) -> None:
        """Return if every metric that was asked for could run.

        Raises:
            MetricError: The first that could not.
        """
        for failure in self.failures:
            raise failure
