"""Report of ``vsdkit diversify``: what was rewritten, what was kept, mBLEU-4 before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vsdkit.chat_client import FAILED
from vsdkit.errors import VsdkitError
from vsdkit.reporting import Report, Table

__all__ = ["DiversifyReport"]


@dataclass(frozen=True, slots=True)
class DiversifyReport(Report):
    """How many sentences were rewritten, and what it did to their likeness."""

    output: str
    """The file that was written."""
    engine: str
    """The engine and, where it has one, its model."""
    rows: int
    """Rows of task 3."""
    rewritten: int
    """Rows with a new sentence 2."""
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
    engine_note: str = ""
    """What a person must know about the engine; it is no part of the JSON."""

    def to_dict(self) -> dict[str, Any]:
        """Return the report as ``--json`` prints it."""
        content = asdict(self)
        del content["engine_note"]
        return content

    def tables(self) -> list[Table]:
        """Return what was counted, and mBLEU-4."""
        rows: list[tuple[object, ...]] = [
            ("rows of task 3", self.rows),
            ("rewritten", self.rewritten),
            ("retried", self.retried),
            ("kept as they were", self.kept),
            *((f"  {reason}", count) for reason, count in self.kept_because.items()),
            ("mBLEU-4 before", self.mbleu4_before),
            ("mBLEU-4 after", self.mbleu4_after),
        ]
        return [Table(("sentences", "number"), rows)]

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
        notes = [f"{self.output}: rewritten by {self.engine}"]
        if self.engine_note:
            notes.append(self.engine_note)
        if self.mbleu4_note:
            notes.append(f"mBLEU-4 is n/a: {self.mbleu4_note}")
        return notes
