"""The report of a scoring, as JSON, as tables, and row by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.data.records import TASKS
from vsdkit.errors import VsdkitError
from vsdkit.formats.align import RowCounts
from vsdkit.reporting import Report, Table
from vsdkit.score.declared import Declared, Number
from vsdkit.score.diagnosis import Diagnosis, worst_rows, worst_table
from vsdkit.score.numbers import (
    NUMBERS,
    OVERALL,
    TASK_TOTALS,
    all_declared,
    headline_of,
    parts_of,
)
from vsdkit.score.signatures import Signature
from vsdkit.score.tables import (
    Column,
    comparison_table,
    numbers_table,
    side_by_side,
    signature_tables,
)

if TYPE_CHECKING:
    from vsdkit.metrics.intervals import Interval, Paired

__all__ = ["Difference", "ScoreReport", "SystemReport"]

_COLUMNS = 80
"""Of a terminal that is not made wider; notes of any length but reasons fit into it."""


@dataclass(frozen=True)
class SystemReport:
    """The numbers of one system, and the reason where there is none."""

    name: str
    """The system's."""
    numbers: Mapping[str, float | None]
    """By key as ``task2.bleu4``; None where a metric has no value."""
    counts: Mapping[int, RowCounts] = field(default_factory=dict)
    """Of each task its rows, counted."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why a number is None, by the same keys."""
    intervals: Mapping[str, Interval | None] = field(default_factory=dict)
    """Of each number 95 % of its resamples; None where there are none."""
    seen_in_training: Mapping[str, int] | None = None
    """How many of the pictures the adapter was trained on, if known."""
    items: Sequence[Mapping[str, Any]] = ()
    """Every row's own numbers, as ``--items`` writes them."""
    diagnosis: Diagnosis | None = None
    """What is wrong with the predictions, if it was asked for."""
    worst: int = 0
    """How many of the worst rows of each task are shown."""
    first_unparsed: Mapping[int, str] = field(default_factory=dict)
    """Of each task that has any, the first prediction that is no answer."""

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers by task, reasons and intervals by key."""
        # In this order, and there even where a total was never reached.
        nested: dict[str, Any] = {one.key: None for one in (OVERALL, *TASK_TOTALS)}
        declared = {one.key: one for one in all_declared()}
        for key, value in self.numbers.items():
            one = declared[key]
            if isinstance(one, Number):
                nested.setdefault(one.under, {})[one.name] = value
            else:
                nested[key] = value
        for task, counts in self.counts.items():
            nested.setdefault(f"task{task}", {}).update(counts._asdict())
        return {
            **nested,
            "reasons": dict(self.reasons),
            "seen_in_training": self.seen_in_training and dict(self.seen_in_training),
            "intervals": {
                key: None if one is None else list(one) for key, one in self.intervals.items()
            },
            **({} if self.diagnosis is None else {"diagnosis": self.diagnosis.to_dict()}),
            **({"worst": worst_rows(self.items, self.worst)} if self.worst else {}),
        }

    def notes(self, in_gold: Sequence[int] = TASKS) -> Iterator[str]:
        """Yield what must be known to read the numbers: rows counted, what could not run.

        Args:
            in_gold: The tasks that gold has rows of; nothing is said of the others.
        """
        # Tasks of equal counts share a line: in most runs nothing is wrong with any of them.
        tasks_with: dict[RowCounts, list[int]] = {}
        for task, counts in self.counts.items():
            if counts.n:
                tasks_with.setdefault(counts, []).append(task)
        for counts, tasks in tasks_with.items():
            yield (
                f"task {', '.join(map(str, tasks))}: {counts.n:,} rows, counted as wrong: "
                f"{counts.unparsed:,} unparsed, {counts.missing:,} missing"
                + (f", {counts.errors:,} with an error" if counts.errors else "")
            )
        failed = sum(counts.errors for counts in self.counts.values())
        if failed:
            # Never scored silently: the numbers are those of a run that is not complete.
            yield f"warning: {failed:,} rows hold an error: run the same infer command again"
        for task, said in self.first_unparsed.items():
            yield f"    the first unparsed of task {task}: {said}"
        told = {one.key for one in all_declared() if one.task in (*in_gold, None)}
        for reason in dict.fromkeys(why for key, why in self.reasons.items() if key in told):
            yield f"n/a: {reason}"
        if self.seen_in_training:
            seen, pictures = self.seen_in_training["seen"], self.seen_in_training["pictures"]
            yield f"{seen:,} of {pictures:,} pictures were trained on"


class Difference(NamedTuple):
    """How far one system is from another, number by number."""

    system: str
    """The one."""
    minus: str
    """The other, which is taken off."""
    numbers: Mapping[str, Paired]
    """By key, of the numbers that both have."""

    def to_dict(self) -> dict[str, Any]:
        """Return the differences as ``score --json`` prints them."""
        return {
            "system": self.system,
            "minus": self.minus,
            "numbers": {
                key: {
                    "difference": one.difference,
                    "interval": None if one.interval is None else list(one.interval),
                    "p": one.p,
                }
                for key, one in self.numbers.items()
            },
        }


@dataclass(frozen=True)
class ScoreReport(Report):
    """Every number of every system with its signature."""

    systems: Sequence[SystemReport]
    """One or several; the first is the one the others are held against."""
    signatures: Mapping[str, Signature]
    """The choices behind each number, by key."""
    reading: str = "paper"
    """Which reading makes the totals."""
    failures: Sequence[VsdkitError] = ()
    """The errors of metrics that could not run here, and of rows not written."""
    differences: Sequence[Difference] = ()
    """Of each further system to the first."""
    baselines: Sequence[SystemReport] = ()
    """What gold's own tags and labels come to."""
    in_gold: Sequence[int] = TASKS
    """The tasks that gold has rows of; tables leave the others out."""
    all_numbers: bool = False
    """Whether tables have every number, not the headline ones only."""
    with_signatures: bool = False
    """Whether there are tables of signatures."""

    @property
    def numbers(self) -> Mapping[str, float | None]:
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
            "reading": {
                "name": self.reading,
                **{f"task{total.task}": total.told[self.reading] for total in TASK_TOTALS},
            },
            "signature": {key: str(one) for key, one in self.signatures.items()},
        }
        if self.baselines:
            document["baselines"] = {one.name: one.to_dict() for one in self.baselines}
        return document

    def tables(self) -> list[Table]:
        """Return the tables to print: numbers first, then what was asked for besides."""
        shown = {one.label: one for one in self._shown()}
        columns = [*self._columns(), *(Column(one.name, one.numbers) for one in self.baselines)]
        if len(self.systems) == 1:
            tables = [numbers_table(shown, self.numbers, self.systems[0].intervals)]
        else:
            resampled = "interval" in self.signatures
            tables = [comparison_table(shown, self._columns(), resampled=resampled)]
        if self.with_signatures:
            compared = bool(self.differences)
            tables += signature_tables(shown, self.signatures, compared=compared)
        captions = [one for one in NUMBERS if one.captions and one.key in self.signatures]
        if captions and captions[0].task in self.in_gold:
            in_row = {one.title: one for one in captions}
            tables.append(side_by_side("task 2 as caption papers print it", in_row, columns))
        if self.baselines:
            beside = {one.label: one for one in self._beside_baselines()}
            tables.append(side_by_side(f"baselines, reading: {self.reading}", beside, columns))
        for system in self.systems:
            mark = self._mark(system)
            found = [] if system.diagnosis is None else system.diagnosis.tables()
            if system.worst:
                found = [*found, worst_table(system.items, system.worst)]
            tables += [table._replace(title=mark + table.title) for table in found]
        return tables

    def notes(self) -> list[str]:
        """Return the lines below the numbers."""
        lines = [
            _cut(self._mark(system) + line)
            for system in self.systems
            for line in system.notes(self.in_gold)
        ]
        lower = [
            one.label
            for one in self._shown()
            if one.better == "lower"
            and any(system.numbers.get(one.key) is not None for system in self.systems)
        ]
        if lower:
            lines.append(f"lower is better: {', '.join(lower)}")
        hints = {"--all": self.all_numbers, "--signatures": self.with_signatures}
        more = {"--all": "every number", "--signatures": "the choices behind each"}
        asked = [f"{more[option]}: {option}" for option, given in hints.items() if not given]
        return [*lines, "; ".join(asked)] if asked else lines

    def _mark(self, system: SystemReport) -> str:
        return f"{system.name}: " if len(self.systems) > 1 else ""

    def _columns(self) -> list[Column]:
        apart = {one.system: one.numbers for one in self.differences}
        return [Column(one.name, one.numbers, apart.get(one.name)) for one in self.systems]

    def _shown(self) -> list[Declared]:
        """Return the numbers of the first table, in order."""
        if not self.all_numbers:
            return self._of_gold(headline_of(self.reading))
        # What stands under its task already would be a second row of the same number.
        return self._of_gold(
            [one for one in all_declared() if not (isinstance(one, Number) and one.repeats)]
        )

    def _beside_baselines(self) -> list[Declared]:
        """Return what stands beside the baselines: each task's total after its parts."""
        found: list[Declared] = []
        for total in TASK_TOTALS:
            parts = parts_of(total, self.reading)
            # A total of one part is that part.
            found += [*(parts if len(parts) > 1 else ()), total]
        return self._of_gold([*found, OVERALL])

    def _of_gold(self, declared: Sequence[Declared]) -> list[Declared]:
        return [
            one
            for one in declared
            if one.key in self.signatures and one.task in (*self.in_gold, None)
        ]


def _cut(line: str) -> str:
    """Return a note in one line; of a reason that is longer nothing may be lost."""
    if "n/a: " in line or len(line) < _COLUMNS:
        return line
    return f"{line[: _COLUMNS - 4]}..."
