"""Report of ``vsdkit infer`` on a file of items: what was asked, answered, and what failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from vsdkit.errors import VsdkitError
from vsdkit.reporting import Report, Table

if TYPE_CHECKING:
    from vsdkit.data.records import PredictionRow
    from vsdkit.infer.mixture import Weight

__all__ = ["InferReport", "count_tasks"]


@dataclass(frozen=True, slots=True)
class InferReport(Report):
    """What was asked and answered."""

    output: str
    """The file of predictions."""
    rows: dict[str, int]
    """Task to its rows."""
    answered_now: int
    """Rows answered by this run; the others were there."""
    unparsed: dict[str, int]
    """Task to its rows whose answer holds no label, no sentence, or not three."""
    errors: dict[str, int]
    """Task to its rows that have an error in place of an answer."""
    first_error: str | None
    """The error of the first such row, and the row."""
    broken: int
    """Rows among these whose picture does not open, which was allowed."""
    unfinished: int
    """Rows whose answer was cut off at the task's longest length."""
    pictures: int
    """Images that the rows are about."""
    seen_in_training: dict[str, int] | None
    """How many of the images the adapter was trained on; None without an adapter."""
    base: str
    """The base model, or the model's name at the server."""
    adapter: str | None
    """The adapter's folder."""
    rows_per_second: float | None
    """Of this run, the loading included; None where nothing was left to answer."""

    weight: Weight | None = None
    """How the models of ``boxes+vlm`` are mixed; None of one model."""

    def to_dict(self) -> dict[str, Any]:
        """Return the report as ``--json`` prints it, ``weight`` only where there is one."""
        facts = asdict(self)
        if self.weight is None:
            del facts["weight"]
        return facts

    def tables(self) -> list[Table]:
        """Return a row for each task."""
        rows = [
            (task, count, self.unparsed[task], self.errors[task])
            for task, count in self.rows.items()
        ]
        return [Table(("task", "rows", "not parsed", "errors"), rows)]

    def notes(self) -> list[str]:
        """Return what a person should know besides."""
        failed, seen = sum(self.errors.values()), self.seen_in_training
        notes = [f"{self.output}: {self.answered_now:,} rows answered now"]
        if self.weight is not None:
            notes.append(self.weight.note())
        if self.unfinished:
            notes.append(f"{self.unfinished:,} answers were cut off")
        if failed:
            notes.append(
                f"{failed:,} rows have an error in place of an answer, the first: "
                f"{self.first_error}; the same command asks them again"
            )
        if seen:
            notes.append(f"{seen['seen']:,} of {seen['pictures']:,} pictures were trained on")
        return notes

    @property
    def failures(self) -> Sequence[VsdkitError]:
        """The rows that failed, but for those of pictures that were allowed not to open."""
        failed = sum(self.errors.values()) - self.broken
        if not failed:
            return ()
        error = VsdkitError(
            f"{failed:,} of {sum(self.rows.values()):,} rows have an error in place of an answer",
            where=self.output,
            hint="run the same command again: it asks them once more",
        )
        return (error,)


def count_tasks(rows: Iterable[PredictionRow], tasks: Iterable[str]) -> dict[str, int]:
    """Return how many rows each task has, 0 included."""
    counts = Counter(str(row.task) for row in rows)
    return {task: counts[task] for task in tasks}
