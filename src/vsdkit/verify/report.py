"""Report of ``vsdkit verify``: each check, and how far the answers of two models agree."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from vsdkit.errors import VsdkitError
from vsdkit.reporting import Report, Table

__all__ = ["WEIGHTS", "Check", "Comparison", "VerifyReport"]


WEIGHTS: Final = "merged weights"
"""Name of the check that looks at a merged folder's tensors."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so."""

    name: str
    """What must be so."""
    passed: bool
    """Whether it is."""
    found: str
    """What was found, one line."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The answers of another form of the run beside those of the adapter on its base."""

    other: str
    """What was asked besides."""
    equal: int
    """Questions that it answers with the same text."""
    rows: int
    """Questions that both were asked."""
    min_equal: float
    """Least share of equal texts that passes."""
    difference: float | None
    """Largest difference in the first token; None where a server tells no probabilities."""
    max_difference: float
    """Largest difference that passes."""
    unit: Literal["logit", "probability"]
    """What the difference is measured in: a server tells probabilities only."""
    first_other: tuple[str, str, str] | None = None
    """The first question that is answered otherwise: its id, the adapter's text, the other's."""

    @property
    def passed(self) -> bool:
        """Whether both stay within their limits."""
        share = self.equal / self.rows
        near = self.difference is None or self.difference <= self.max_difference
        return share >= self.min_equal and near

    @property
    def found(self) -> str:
        """What was found, one line."""
        said = f"{self.equal} of {self.rows} texts are equal"
        if self.difference is None:
            said += "; it tells no probabilities of tokens"
        else:
            said += f", largest {self.unit} difference {self.difference:.4g}"
        if not self.passed:
            said += f" (allowed: {self.min_equal:.0%} equal, {self.max_difference:g})"
        return said


@dataclass(frozen=True, slots=True)
class VerifyReport(Report):
    """What was checked of a run and of what was made from it."""

    run: str
    """The run folder."""
    base: str
    """The base model."""
    precision: str
    """Number format that the models answered in."""
    checks: tuple[Check, ...]
    """Those of the files."""
    comparisons: tuple[Comparison, ...]
    """Those of the answers."""

    @property
    def all_checks(self) -> tuple[Check, ...]:
        """Checks of the files and of the answers, in the order they were made."""
        answers = [
            Check(f"answers: {one.other}", one.passed, one.found) for one in self.comparisons
        ]
        return (*self.checks, *answers)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as ``--json`` prints it."""
        return {
            "same": not self.failures,
            "run": self.run,
            "base": self.base,
            "precision": self.precision,
            "checks": [asdict(one) for one in self.checks],
            "comparisons": [
                asdict(one) | {"share_equal": one.equal / one.rows, "passed": one.passed}
                for one in self.comparisons
            ],
        }

    def tables(self) -> list[Table]:
        """Return a row for each check."""
        rows = [(one.name, "ok" if one.passed else "failed", one.found) for one in self.all_checks]
        return [Table(("check", "state", "found"), rows)]

    def notes(self) -> list[str]:
        """Return the first answer that differs, of each comparison that has one."""
        return [
            f"{one.other}, first other answer, {one.first_other[0]}: {one.first_other[1]!r} "
            f"became {one.first_other[2]!r}"
            for one in self.comparisons
            if one.first_other is not None
        ]

    @property
    def failures(self) -> tuple[VsdkitError, ...]:
        """One error that names the checks that failed."""
        failed = [one for one in self.all_checks if not one.passed]
        if not failed:
            return ()
        return (
            VsdkitError(
                f"not the same: {failed[0].name}: {failed[0].found}",
                where=self.run,
                hint="merge it again: vsdkit merge --overwrite"
                if any(one.name == WEIGHTS for one in failed)
                else "",
            ),
        )
