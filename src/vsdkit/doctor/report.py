"""Report of ``vsdkit doctor``: the findings, as JSON and as a table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from vsdkit.errors import VsdkitError
from vsdkit.reporting import Report, Table

__all__ = ["Check", "DoctorReport"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    """What it is."""
    state: Literal["ok", "note", "failed"]
    """``failed`` keeps a command from working; ``note`` does not."""
    found: str
    """What was found, one line."""
    mend: str = ""
    """The command that repairs it; empty where nothing needs to be done."""
    data: Any = None
    """The same in parts, for ``--json``."""

    @property
    def line(self) -> str:
        """What was found, a failing line ending with the command that repairs it."""
        return f"{self.found} -> {self.mend}" if self.mend else self.found


@dataclass(frozen=True)
class DoctorReport(Report):
    """All findings, in the order they were made."""

    checks: tuple[Check, ...]
    """The cheapest first."""

    @property
    def failed(self) -> tuple[Check, ...]:
        """The findings that keep a command from working."""
        return tuple(check for check in self.checks if check.state == "failed")

    def to_dict(self) -> dict[str, Any]:
        """Return the report as ``--json`` prints it."""
        return {"ok": not self.failed, "checks": [asdict(check) for check in self.checks]}

    def tables(self) -> list[Table]:
        """Return a row for each check."""
        rows = [(check.name, check.state, check.line) for check in self.checks]
        return [Table(("check", "state", "found"), rows)]

    @property
    def failures(self) -> tuple[VsdkitError, ...]:
        """One error that names the checks that failed."""
        if not self.failed:
            return ()
        names = ", ".join(check.name for check in self.failed)
        what = f"{len(self.failed)} of {len(self.checks)} checks failed: {names}"
        return (VsdkitError(what, hint=self.failed[0].mend),)
