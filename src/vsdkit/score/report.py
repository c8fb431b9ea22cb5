"""What scoring found, as JSON, as tables, and row by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.errors import VsdkitError
from vsdkit.reporting import Report, Table
from vsdkit.score.diagnosis import Diagnosis
from vsdkit.score.signatures import Signature
from vsdkit.score.worst import worst_rows, worst_table

if TYPE_CHECKING:
    from vsdkit.metrics.intervals import Interval, Paired

__all__ = ["Difference", "ScoreReport", "SystemReport"]

Number = float | int | None

_READINGS = {
    "paper": {
        "task2": "BLEU-4 and SPICE against each reference, each maximum on its own, mean over "
        "items",
        "task3": "mBLEU-4 of each sentence against the other two, un-smoothed; SPICE of each "
        "sentence with its best reference; means over sentences, then items",
    },
    "coco": {
        "task2": "BLEU-4 of the corpus with all references; SPICE with the references merged, "
        "mean over items",
        "task3": "corpus BLEU-4 of each sentence against the other two, mean over positions; SPICE "
        "of each sentence with the references merged, means over sentences, then items",
    },
}
_TASK1 = "micro-F1 over (image, subject, object) pairs; gold a set, the prediction one label"

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
    "task3.spice_coco": "3 SPICE coco",
    "coco_metrics.bleu1": "2 BLEU-1 coco",
    "coco_metrics.bleu2": "2 BLEU-2 coco",
    "coco_metrics.bleu3": "2 BLEU-3 coco",
    "coco_metrics.meteor": "2 METEOR",
    "coco_metrics.rouge_l": "2 ROUGE-L",
    "coco_metrics.cider": "2 CIDEr",
}
_OWN = "signature, own part"
_CAPTIONS = {
    "BLEU-1": "coco_metrics.bleu1",
    "BLEU-2": "coco_metrics.bleu2",
    "BLEU-3": "coco_metrics.bleu3",
    "BLEU-4": "coco_metrics.bleu4",
    "METEOR": "coco_metrics.meteor",
    "ROUGE-L": "coco_metrics.rouge_l",
    "CIDEr": "coco_metrics.cider",
    "SPICE": "coco_metrics.spice",
}
_BESIDE_BASELINES = {
    "paper": ("z1", "task2.bleu4", "task2.spice", "z2", "task3.mbleu4", "task3.spice", "z3"),
    "coco": (
        *("z1", "task2.bleu4_coco", "task2.spice_coco", "z2"),
        *("task3.mbleu4_corpus", "task3.spice_coco", "z3"),
    ),
}
"""The numbers that stand beside those of the baselines, before overall."""


@dataclass(frozen=True)
class SystemReport:
    """The numbers of one system, and the reason where there is none.

    Args:
        name: The system's.
        numbers: By dotted name as ``task2.bleu4``; None where a metric has no value.
        reasons: Why a number is None, by the same names.
        intervals: Of each number 95 % of its resamples; None where there are none.
        seen_in_training: How many of the pictures the adapter was trained on, if known.
        items: Every row's own numbers, as ``--items`` writes them.
        diagnosis: What is wrong with the predictions, if it was asked for.
        worst: How many of the worst rows of each task are shown.
        first_unparsed: Of each task that has any, the first prediction that is no answer.
    """

    name: str
    numbers: Mapping[str, Number]
    reasons: Mapping[str, str] = field(default_factory=dict)
    intervals: Mapping[str, Interval | None] = field(default_factory=dict)
    seen_in_training: Mapping[str, int] | None = None
    items: Sequence[Mapping[str, Any]] = ()
    diagnosis: Diagnosis | None = None
    worst: int = 0
    first_unparsed: Mapping[int, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers by task, reasons and intervals by dotted name."""
        nested: dict[str, Any] = dict.fromkeys(("overall", "z1", "z2", "z3"))
        for name, value in self.numbers.items():
            task, _, part = name.rpartition(".")
            (nested.setdefault(task, {}) if task else nested)[part] = value
        return {
            **nested,
            "reasons": dict(self.reasons),
            "seen_in_training": self.seen_in_training and dict(self.seen_in_training),
            "intervals": {
                name: None if one is None else list(one) for name, one in self.intervals.items()
            },
            **({} if self.diagnosis is None else {"diagnosis": self.diagnosis.to_dict()}),
            **({"worst": worst_rows(self.items, self.worst)} if self.worst else {}),
        }

    def notes(self) -> Iterator[str]:
        """Yield what must be known to read the numbers: rows counted, what could not run."""
        for task in (1, 2, 3):
            if self.numbers[f"task{task}.n"]:
                yield (
                    f"task {task}: {self.numbers[f'task{task}.n']:,} rows, counted as wrong: "
                    f"{self.numbers[f'task{task}.unparsed']:,} unparsed, "
                    f"{self.numbers[f'task{task}.missing']:,} missing"
                )
            if task in self.first_unparsed:
                yield f"    the first unparsed: {self.first_unparsed[task]}"
        for reason in dict.fromkeys(self.reasons.values()):
            yield f"n/a: {reason}"
        if self.seen_in_training:
            seen, pictures = self.seen_in_training["seen"], self.seen_in_training["pictures"]
            yield f"{seen:,} of {pictures:,} pictures were trained on"


class Difference(NamedTuple):
    """How far one system is from another, number by number."""

    system: str
    minus: str
    numbers: Mapping[str, Paired]

    def to_dict(self) -> dict[str, Any]:
        """Return the differences as ``score --json`` prints them."""
        return {
            "system": self.system,
            "minus": self.minus,
            "numbers": {
                name: {
                    "difference": one.difference,
                    "interval": None if one.interval is None else list(one.interval),
                    "p": one.p,
                }
                for name, one in self.numbers.items()
            },
        }


@dataclass(frozen=True)
class ScoreReport(Report):
    """Every number of every system with its signature.

    Args:
        systems: One or several; the first is the one the others are held against.
        signatures: The choices behind each number, by dotted name.
        reading: Which reading makes the totals.
        failures: The errors of metrics that could not run here, and of rows not written.
        differences: Of each further system to the first.
        baselines: What gold's own tags and labels come to.
    """

    systems: Sequence[SystemReport]
    signatures: Mapping[str, Signature]
    reading: str = "paper"
    failures: Sequence[VsdkitError] = ()
    differences: Sequence[Difference] = ()
    baselines: Sequence[SystemReport] = ()

    @property
    def numbers(self) -> Mapping[str, Number]:
        """The numbers of the first system."""
        return self.systems[0].numbers

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why a number of the first system is None."""
        return self.systems[0].reasons

    @property
    def seen_in_training(self) -> Mapping[str, int] | None:
        """How many of the pictures the first system's adapter was trained on, if known."""
        return self.systems[0].seen_in_training

    def items(self) -> Iterator[Mapping[str, Any]]:
        """Yield every row of every system; where there are several, it names its system."""
        for system in self.systems:
            for item in system.items:
                yield item if len(self.systems) == 1 else {"system": system.name, **item}

    def to_dict(self) -> dict[str, Any]:
        """Return the report as ``score --json`` prints it, without the single rows.

        One system's numbers stand at the top; several have a place of their own each.
        """
        if len(self.systems) == 1:
            document = self.systems[0].to_dict()
        else:
            document = {
                "systems": {system.name: system.to_dict() for system in self.systems},
                "differences": [one.to_dict() for one in self.differences],
            }
        document |= {
            "reading": {"name": self.reading, "task1": _TASK1, **_READINGS[self.reading]},
            "signature": {name: str(one) for name, one in self.signatures.items()},
        }
        if self.baselines:
            document["baselines"] = {one.name: one.to_dict() for one in self.baselines}
        return document

    def tables(self) -> list[Table]:
        """Return the tables to print: numbers first, then what was asked for besides."""
        tables = [self._numbers_table() if len(self.systems) == 1 else self._comparison_table()]
        tables += self._signature_tables()
        if any(name in self.signatures for name in _CAPTIONS.values()):
            tables.append(self._side_by_side("task 2 as caption papers print it", _CAPTIONS))
        if self.baselines:
            names = (*_BESIDE_BASELINES[self.reading], "overall")
            shown = {_LABELS[name]: name for name in names}
            tables.append(self._side_by_side(f"baselines, reading: {self.reading}", shown))
        for system in self.systems:
            mark = f"{system.name}: " if len(self.systems) > 1 else ""
            if system.diagnosis is not None:
                tables += [
                    one._replace(title=mark + one.title) for one in system.diagnosis.tables()
                ]
            if system.worst:
                table = worst_table(system.items, system.worst)
                tables.append(table._replace(title=mark + table.title))
        return tables

    def notes(self) -> list[str]:
        """Return the lines below the numbers."""
        lines: list[str] = []
        for system in self.systems:
            mark = f"{system.name}: " if len(self.systems) > 1 else ""
            lines += [mark + line for line in system.notes()]
        if any(system.numbers["task3.n"] for system in self.systems):
            lines.append("mBLEU-4 tells how alike three sentences are: lower is better")
        return lines

    def _numbers_table(self) -> Table:
        (system,) = self.systems
        with_intervals = any(system.intervals.values())
        rows: list[tuple[object, ...]] = [
            (
                label,
                system.numbers[name],
                *([_range(system.intervals.get(name))] if with_intervals else []),
                self.signatures[name].own,
            )
            for name, label in _LABELS.items()
            if name in system.numbers
        ]
        intervals = ["95 %"] if with_intervals else []
        return Table(("number", "value", *intervals, _OWN), rows)

    def _signature_tables(self) -> list[Table]:
        """Return what of the signatures does not stand beside its number."""
        labels = {name: _LABELS[name] for name in self.signatures if name in _LABELS}
        kin: dict[str, list[str]] = {}
        for name, label in labels.items():
            kin.setdefault(self.signatures[name].shared, []).append(label)
        shared: list[tuple[object, ...]] = [
            (", ".join(names), choices) for choices, names in kin.items()
        ]
        of_resamples = {"interval": "95 %"} | ({"p": "p"} if self.differences else {})
        shared += [
            (label, str(self.signatures[name]))
            for name, label in of_resamples.items()
            if name in self.signatures
        ]
        tables = [Table(("numbers", "signature, what they share"), shared)]
        if len(self.systems) > 1:
            own: list[tuple[object, ...]] = [
                (label, self.signatures[name].own) for name, label in labels.items()
            ]
            tables.insert(0, Table(("number", _OWN), own))
        return tables

    def _comparison_table(self) -> Table:
        drawn = "interval" in self.signatures
        columns = ["number", *(system.name for system in self.systems)]
        for one in self.differences:
            columns += [f"{one.system} - {one.minus}", *(("95 %", "p") if drawn else ())]
        rows: list[tuple[object, ...]] = []
        for name, label in _LABELS.items():
            values = [system.numbers.get(name) for system in self.systems]
            if all(value is None for value in values):
                continue
            cells: list[object] = [label, *values]
            for one in self.differences:
                paired = one.numbers.get(name)
                cells.append("" if paired is None else f"{paired.difference:+.4f}")
                if drawn:
                    cells += _range_and_p(paired)
            rows.append(tuple(cells))
        return Table(tuple(columns), rows)

    def _side_by_side(self, title: str, names: Mapping[str, str]) -> Table:
        """Return a table of the numbers with these labels, a column for each system."""
        systems = (*self.systems, *self.baselines)
        rows: list[tuple[object, ...]] = [
            (label, *(system.numbers.get(name) for system in systems))
            for label, name in names.items()
        ]
        return Table(("number", *(system.name for system in systems)), rows, title)


def _range(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.low:.2f} to {interval.high:.2f}"


def _range_and_p(paired: Paired | None) -> tuple[str, str]:
    if paired is None:
        return "", ""
    return _range(paired.interval), "" if paired.p is None else f"{paired.p:.4f}"
