"""The scores of one system as they come in, and the totals made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from vsdkit.data.records import TASKS
from vsdkit.errors import MetricError
from vsdkit.formats.align import Aligned, AlignedRow
from vsdkit.jvm import SpiceCase
from vsdkit.metrics import RowStatistics
from vsdkit.score.declared import NEEDS, Metric, Needs, Number
from vsdkit.score.diagnosis import Diagnosis, diagnose
from vsdkit.score.measure import Evidence, Measured
from vsdkit.score.numbers import OVERALL, TASK_TOTALS, parts_of, wanted
from vsdkit.score.tuples import counted_cases, tuple_facts

__all__ = ["SystemScores"]


class SystemScores:
    """Numbers, reasons, rows and sufficient statistics of one system.

    Args:
        name: The system's.
        aligned: Its predictions beside gold.
        numbers: Those that are wanted; without, all but those of caption papers and sub-scores.
        diagnosed: Whether it is to be said what is wrong.
        tuples_in: Reading in which SPICE is to say which tuples matched; None if it need not.
    """

    def __init__(
        self,
        name: str,
        aligned: Aligned,
        *,
        numbers: Sequence[Number] | None = None,
        diagnosed: bool = False,
        tuples_in: str | None = None,
    ) -> None:
        self.name = name
        self.aligned = aligned
        self.wanted = wanted() if numbers is None else numbers
        self.diagnosis: Diagnosis | None = None
        self._diagnosed = diagnosed
        self.tuples_in = tuples_in
        self.numbers: dict[str, float | None] = {}
        """By key, in the order of ``--json``; None where a metric has no value."""
        self.reasons: dict[str, str] = {}
        """Why a number is None, by key."""
        self.statistics: dict[int, list[RowStatistics]] = {task: [] for task in aligned.rows}
        """Sufficient statistics of each task's rows."""
        self.resampled: dict[str, Sequence[float]] = {}
        """Values in each resample, by key, of numbers that no row statistics give."""
        self.items: dict[int, list[dict[str, Any]]] = {
            task: [_item(row) for row in rows] for task, rows in aligned.rows.items()
        }

    def rows(self, task: int) -> list[AlignedRow]:
        """Return the rows of a task, none if it is absent."""
        return self.aligned.rows.get(task, [])

    @property
    def first_unparsed(self) -> dict[int, AlignedRow]:
        """Of each task that has any, the first row whose prediction is no answer."""
        unparsed = {task: [row for row in self.rows(task) if row.is_unparsed][:1] for task in TASKS}
        return {task: row for task, rows in unparsed.items() for row in rows}

    def wants(self, needs: Needs) -> bool:
        """Say whether a number is wanted that can only be had of this."""
        return any(
            number.metric.needs == needs and self.rows(number.task) for number in self.wanted
        )

    @property
    def wants_sub_scores(self) -> bool:
        """Whether SPICE's sub-scores are wanted."""
        return any(number.sub_score for number in self.wanted)

    def measure(self, needs: Needs, evidence: Evidence) -> None:
        """Measure the numbers that need just this, each metric once for each task.

        Args:
            needs: What is at hand now.
            evidence: It, and what was at hand before.
        """
        passes: dict[tuple[int, Metric], list[Number]] = {}
        for number in self.wanted:
            if number.metric.needs == needs and self.rows(number.task):
                passes.setdefault((number.task, number.metric), []).append(number)
        for (task, metric), numbers in passes.items():
            self._enter(task, numbers, metric.measure(self.rows(task), evidence))

    def matched_cases(self, evidence: Evidence) -> list[SpiceCase]:
        """Return the cases of SPICE whose tuples are wanted, those that count in the reading.

        Args:
            evidence: With SPICE of every case.
        """
        if self.tuples_in is None:
            return []
        rows = [row for task in (2, 3) for row in self.rows(task)]
        return [case for row in rows for case in counted_cases(row, evidence, self.tuples_in)]

    def enter_tuples(self, evidence: Evidence) -> None:
        """Enter which tuples of each sentence matched and which were missing, if that is wanted."""
        if self.tuples_in is None:
            return
        for task in (2, 3):
            for item, row in zip(self.items.get(task, ()), self.rows(task), strict=True):
                item.update(tuple_facts(row, evidence, self.tuples_in))

    def fail(self, needs: Sequence[Needs], error: MetricError) -> None:
        """Note that numbers of the tasks at hand that need one of these have no value, and why."""
        for number in self.wanted:
            if number.metric.needs in needs and number.task in self.aligned.rows:
                self.numbers[number.key] = None
                self.reasons[number.key] = error.message

    def diagnose(self, tokens: Mapping[str, list[str]] | None) -> None:
        """Find out what is wrong with the predictions, if that is wanted and not known yet.

        Args:
            tokens: PTB tokens of each sentence; None where no Java could run.
        """
        if self._diagnosed and self.diagnosis is None:
            self.diagnosis = diagnose(self.aligned.rows, tokens)

    def finish(self, reading: str) -> None:
        """Add what is absent, the totals of a reading, and what is wrong with each row."""
        self.diagnose(None)
        for task, rows in (self.diagnosis.rows if self.diagnosis else {}).items():
            for item, facts in zip(self.items[task], rows, strict=True):
                item.update(facts)
        for number in sorted(self.wanted, key=_json_order):
            reason = self.aligned.absent.get(number.task)
            if reason is not None:
                self.numbers[number.key] = None
                self.reasons[number.key] = reason
            if number.captions:
                # In again: what caption papers print is measured with its kin, and stands last.
                self.numbers[number.key] = self.numbers.pop(number.key)
        # The overall comes last: its parts are the totals of the tasks.
        for total in (*TASK_TOTALS, OVERALL):
            parts = [part.key for part in parts_of(total, reading)]
            missing = next((key for key in parts if self.numbers[key] is None), None)
            if missing is None:
                self.numbers[total.key] = total.combine(*(self.numbers[key] for key in parts))
            else:
                self.numbers[total.key] = None
                self.reasons[total.key] = self.reasons[missing]

    def _enter(self, task: int, numbers: Sequence[Number], measured: Measured) -> None:
        # Several numbers may be means of one value (SPICE coco, and SPICE of caption papers): its
        # column of statistics is kept once.
        means = dict.fromkeys(number.value for number in numbers if not number.corpus)
        columns = [[row[name] for name in means] for row in measured.rows]
        if means:
            self.statistics[task].append(RowStatistics("mean", tuple(means), columns))
        if measured.statistics is not None:
            self.statistics[task].append(measured.statistics)
        values: dict[str, float | None] = dict(measured.corpus)
        for name in means:
            values[name] = fmean(row[name] for row in measured.rows)
        for number in numbers:
            value = values[number.value]
            self.numbers[number.key] = value
            if value is None:
                self.reasons[number.key] = f"{number.label}: no reference says anything of it"
            if number.value in measured.resampled:
                self.resampled[number.key] = measured.resampled[number.value]
        for item, row in zip(self.items[task], measured.rows, strict=True):
            item.update(row)


def _json_order(number: Number) -> int:
    """Return where a number stands: what needs least first, the row of caption papers last."""
    return len(NEEDS) if number.captions else NEEDS.index(number.metric.needs)


def _item(row: AlignedRow) -> dict[str, Any]:
    prediction = row.prediction
    return {
        "id": row.gold.id,
        "task": row.gold.task,
        "image": row.gold.image,
        "prediction": prediction.to_dict()["prediction"] if prediction else None,
        "raw": prediction.raw if prediction else None,
        "missing": prediction is None,
        **({"error": prediction.error} if prediction and prediction.error else {}),
    }
