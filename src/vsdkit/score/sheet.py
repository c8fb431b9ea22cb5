"""The numbers of one system as they come in, and the totals made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from vsdkit.data.records import TASKS
from vsdkit.errors import MetricError
from vsdkit.metrics import RowStatistics, overall, z2, z3
from vsdkit.score.align import Aligned, Pair
from vsdkit.score.diagnosis import Diagnosis, diagnose
from vsdkit.score.measure import Measured

__all__ = [
    "BLEU_NUMBERS",
    "CAPTION_NUMBERS",
    "COCO",
    "COUNTS",
    "RELATION_NUMBERS",
    "SAME",
    "SPICE_NUMBERS",
    "TOTALS",
    "Sheet",
    "Total",
]

COCO = "coco_metrics"
COUNTS = (".unparsed", ".missing", ".n")
"""Ends of the names of numbers that count rows."""

RELATION_NUMBERS = tuple(
    f"task1.{name}" for name in ("f1_micro", "f1_macro", "f1_weighted", "f1_samples", "accuracy")
)
BLEU_NUMBERS = ("task2.bleu4", "task2.bleu4_coco", "task3.mbleu4", "task3.mbleu4_corpus")
SPICE_NUMBERS = ("task2.spice", "task2.spice_coco", "task3.spice", "task3.spice_coco")
CAPTION_NUMBERS = tuple(
    f"{COCO}.{name}"
    for name in ("bleu1", "bleu2", "bleu3", "bleu4", "meteor", "rouge_l", "cider", "spice")
)
SAME = {f"{COCO}.bleu4": "task2.bleu4_coco", f"{COCO}.spice": "task2.spice_coco"}
"""Numbers of caption papers that stand under task 2 already."""


class Total(NamedTuple):
    """A number made of others; ``combine`` takes numbers or arrays of them."""

    name: str
    parts: tuple[str, ...]
    combine: Callable[..., Any]


def _same(value: Any) -> Any:
    return value


TOTALS: Mapping[str, tuple[Total, ...]] = {
    reading: (
        Total("z1", ("task1.f1_micro",), _same),
        Total("z2", (f"task2.bleu4{mark}", f"task2.spice{mark}"), z2),
        Total("z3", (mbleu4, f"task3.spice{mark}"), z3),
        Total("overall", ("z1", "z2", "z3"), overall),
    )
    for reading, mark, mbleu4 in (
        ("paper", "", "task3.mbleu4"),
        ("coco", "_coco", "task3.mbleu4_corpus"),
    )
}


class Sheet:
    """Numbers, reasons and rows of one system.

    Args:
        name: The system's.
        aligned: Its predictions beside gold.
        captions: Whether BLEU-1 to BLEU-3 and their kin are wanted.
        diagnosed: Whether it is to be said what is wrong.
    """

    def __init__(
        self, name: str, aligned: Aligned, *, captions: bool = False, diagnosed: bool = False
    ) -> None:
        self.name = name
        self.aligned = aligned
        self.captions = captions
        self.diagnosis: Diagnosis | None = None
        self.first_unparsed: dict[int, Pair] = {}
        self._diagnosed = diagnosed
        self.numbers: dict[str, float | int | None] = {}
        self.reasons: dict[str, str] = {}
        self.sums: dict[int, list[RowStatistics]] = {task: [] for task in aligned.pairs}
        self.resampled: dict[str, Any] = {}
        self.items: dict[int, list[dict[str, Any]]] = {
            task: [_item(pair) for pair in pairs] for task, pairs in aligned.pairs.items()
        }

    def pairs(self, task: int) -> list[Pair]:
        """Return the pairs of a task, none if it is absent."""
        return self.aligned.pairs.get(task, [])

    def enter(self, task: int, measured: Measured, *, under: str = "") -> None:
        """Take what was measured of a task.

        Args:
            task: The task.
            measured: Its numbers, rows and sums.
            under: What the numbers stand under; else the task.
        """
        under = under or f"task{task}"
        for name, value in measured.numbers.items():
            self.numbers[_place(under, name)] = value
        for item, row in zip(self.items[task], measured.rows, strict=True):
            item.update(row)
        for part in measured.sums:
            names = tuple(_place(under, name) for name in part.names)
            self.sums[task].append(RowStatistics(part.kind, names, part.rows))

    def fail(self, names: tuple[str, ...], error: MetricError) -> None:
        """Note that these numbers of the tasks at hand have no value, and why."""
        for name in names:
            if _task_of(name) in self.aligned.pairs:
                self.numbers[name] = None
                self.reasons[name] = error.message

    def diagnose(self, tokens: Mapping[str, list[str]] | None) -> None:
        """Find out what is wrong with the predictions, if that is wanted and not known yet.

        Args:
            tokens: PTB tokens of each sentence; None where no Java could run.
        """
        if self._diagnosed and self.diagnosis is None:
            self.diagnosis = diagnose(self.aligned.pairs, tokens)

    def finish(self, reading: str) -> None:
        """Add counts, what is absent, the totals of a reading, and what is wrong with each row."""
        self.diagnose(None)
        for task, rows in (self.diagnosis.rows if self.diagnosis else {}).items():
            for item, facts in zip(self.items[task], rows, strict=True):
                item.update(facts)
        self._add_counts()
        self._add_captions()
        for total in TOTALS[reading]:
            values = [self.numbers[part] for part in total.parts]
            missing = next((part for part in total.parts if self.numbers[part] is None), None)
            self.numbers[total.name] = None if missing else total.combine(*values)
            if missing:
                self.reasons[total.name] = self.reasons[missing]

    def _add_counts(self) -> None:
        for name in (*RELATION_NUMBERS, *BLEU_NUMBERS, *SPICE_NUMBERS):
            self._mark_absent(name)
        for task in TASKS:
            pairs = self.pairs(task)
            unparsed = [pair for pair in pairs if pair.is_unparsed]
            if unparsed:
                self.first_unparsed[task] = unparsed[0]
            self.numbers[f"task{task}.unparsed"] = len(unparsed)
            self.numbers[f"task{task}.missing"] = sum(pair.row is None for pair in pairs)
            self.numbers[f"task{task}.n"] = len(pairs)

    def _add_captions(self) -> None:
        for name in CAPTION_NUMBERS:
            same = SAME.get(name)
            if same is not None:
                self.numbers[name] = self.numbers[same]
                if same in self.reasons:
                    self.reasons[name] = self.reasons[same]
            else:
                self._mark_absent(name)
                # In again, so that they stand in the order of a paper's row.
                self.numbers[name] = self.numbers.pop(name, None)
            if not self.captions:
                del self.numbers[name]
                self.reasons.pop(name, None)

    def _mark_absent(self, name: str) -> None:
        reason = self.aligned.absent.get(_task_of(name))
        if reason is not None:
            self.numbers[name] = None
            self.reasons[name] = reason


def _place(under: str, name: str) -> str:
    """Return the dotted name; BLEU-1 to BLEU-3 belong to the numbers of caption papers."""
    if name in ("bleu1_coco", "bleu2_coco", "bleu3_coco"):
        return f"{COCO}.{name.removesuffix('_coco')}"
    return f"{under}.{name}"


def _task_of(name: str) -> int:
    return 2 if name.startswith(COCO) else int(name[len("task")])


def _item(pair: Pair) -> dict[str, Any]:
    row = pair.row
    return {
        "id": pair.gold.id,
        "task": pair.gold.task,
        "image": pair.gold.image,
        "prediction": row.to_dict()["prediction"] if row else None,
        "raw": row.raw if row else None,
        "missing": row is None,
    }
