"""Report of ``vsdkit diversify``: what was rewritten, what was kept and why, what it changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from vsdkit.chat_client import FAILED
from vsdkit.errors import VsdkitError
from vsdkit.reporting import Report, Table

__all__ = ["DiversifyReport"]


@dataclass(frozen=True, slots=True)
class DiversifyReport(Report):
    """How many sentences were rewritten, and what it did to likeness, relation and SPICE."""

    output: str
    """The file that was written."""
    engine: str
    """The engine and, where it has one, its model."""
    rows: int
    """Rows of task 3."""
    rewritten: int
    """Rows with a new sentence."""
    retried: int
    """Rows that were tried more than once."""
    kept: int
    """Rows that stay as they were."""
    kept_because: dict[str, int]
    """Reason of the last refusal to the rows kept for it."""
    mbleu4_before: float | None
    """mBLEU-4 of the predictions; None where Java cannot run, or nothing is there to compare."""
    mbleu4_after: float | None
    """mBLEU-4 with the rewritten sentences; None as before."""
    mbleu4_note: str
    """Why mBLEU-4 is None; empty otherwise."""
    replace: int = 2
    """Which of the three sentences was rewritten."""
    refused: list[dict[str, int]] = field(default_factory=list)
    """Of each attempt, reason to the replies refused for it, whatever became of their rows."""
    relation_kept: int = 0
    """Rewritten rows whose new sentence states a relation of the original."""
    spice_before: float | None = None
    """SPICE of the three sentences; None where it was not asked for or could not be measured."""
    spice_after: float | None = None
    """SPICE with the rewritten sentences; None as before."""
    spice_note: str = ""
    """Why SPICE is None though it was asked for; empty otherwise."""
    engine_note: str = ""
    """What a person must know about the engine; it is no part of the JSON."""

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], *, engine_note: str) -> Self:
        """Return the report that ``to_dict`` gave; what an older version lacks has its default."""
        known = {one.name for one in fields(cls)}
        given = {name: value for name, value in content.items() if name in known}
        return cls(**given | {"engine_note": engine_note})

    @property
    def rewritten_percent(self) -> float | None:
        """Share of the rows that were rewritten."""
        return _percent(self.rewritten, self.rows)

    @property
    def relation_kept_percent(self) -> float | None:
        """Share of the rewritten rows that state a relation of the original."""
        return _percent(self.relation_kept, self.rewritten)

    @property
    def spice_change(self) -> float | None:
        """SPICE after less SPICE before; negative where the rewriting cost some."""
        return _change(self.spice_before, self.spice_after)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as ``--json`` prints it."""
        content = asdict(self) | {
            "rewritten_percent": self.rewritten_percent,
            "relation_kept_percent": self.relation_kept_percent,
            "spice_change": self.spice_change,
        }
        del content["engine_note"]
        return content

    def tables(self) -> list[Table]:
        """Return what was counted, the numbers of the paper's Table 4, and all refusals."""
        counts: list[tuple[object, ...]] = [
            ("rows of task 3", self.rows),
            ("rewritten", self.rewritten),
            ("rewritten, %", self.rewritten_percent),
            ("relation kept, % of them", self.relation_kept_percent),
            ("retried", self.retried),
            ("kept as they were", self.kept),
            *((f"  {reason}", count) for reason, count in self.kept_because.items()),
        ]
        tables = [Table(("sentences", "number"), counts), self._table_4()]
        if any(self.refused):
            tables.append(self._refusals())
        return tables

    def _table_4(self) -> Table:
        columns: dict[str, tuple[float | None, float | None]] = {
            "mBLEU-4": (self.mbleu4_before, self.mbleu4_after)
        }
        if self.spice_before is not None or self.spice_note:
            columns["SPICE"] = (self.spice_before, self.spice_after)
        rows = [
            ("before", *(before for before, _ in columns.values())),
            ("after", *(after for _, after in columns.values())),
            ("change", *(_change(*pair) for pair in columns.values())),
        ]
        return Table(("three sentences", *columns), rows)

    def _refusals(self) -> Table:
        reasons = sorted({reason for attempt in self.refused for reason in attempt})
        attempts = [f"attempt {number}" for number in range(1, len(self.refused) + 1)]
        return Table(
            ("replies refused", *attempts),
            [(reason, *(one.get(reason, 0) for one in self.refused)) for reason in reasons],
        )

    @property
    def failures(self) -> Sequence[VsdkitError]:
        """The sentences that have no reply since the server failed at them."""
        failed = self.kept_because.get(FAILED, 0)
        if not failed:
            return ()
        error = VsdkitError(
            f"the server failed at {failed:,} of {self.rows:,} sentences: they stay as they were",
            where=self.output,
            hint="run the same command again: it asks them alone",
        )
        return (error,)

    def notes(self) -> list[str]:
        """Return who rewrote what, what is to be known about that engine, and what is n/a."""
        notes = [f"{self.output}: sentence {self.replace} rewritten by {self.engine}"]
        if self.engine_note:
            notes.append(self.engine_note)
        if self.mbleu4_note:
            notes.append(f"mBLEU-4 is n/a: {self.mbleu4_note}")
        if self.spice_note:
            notes.append(f"SPICE is n/a: {self.spice_note}")
        return notes


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None


def _change(before: float | None, after: float | None) -> float | None:
    # Four decimals, as the numbers it is made of.
    return None if before is None or after is None else round(after - before, 4)
