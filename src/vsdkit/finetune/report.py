"""The report of a run: its numbers, what came out, the run in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsdkit.finetune.plan import Plan
from vsdkit.reporting import Report, Table

if TYPE_CHECKING:
    from vsdkit.errors import VsdkitError

__all__ = ["FinetuneReport"]


@dataclass(frozen=True, slots=True)
class FinetuneReport(Report):
    """What a run is made of, and what came out."""

    plan: Plan
    """The numbers of the run."""
    command: str
    """The launcher's command line."""
    folder: Path
    """The run's folder."""
    resumed_from: int | None = None
    """Step of the checkpoint that it went on from."""
    was_complete: bool = False
    """Whether it was there already."""
    last_loss: float | None = None
    """Loss of the last step."""
    seconds: float | None = None
    """What this call took to train."""
    evaluation: dict[str, Any] | None = None
    """Of a run that answered gold at its end: ``evaluation`` of its run.json."""
    summary: str | None = None
    """Of a run that is complete: a paragraph for a paper's appendix."""
    serving: str | None = None
    """Of such a run: the line that serves its adapter, or why there is none."""
    failures: Sequence[VsdkitError] = ()
    """What could not be written when the run was complete."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        result: dict[str, Any] = {
            "folder": str(self.folder),
            **self.plan.to_dict(),
            "last_loss": self.last_loss,
            "resumed_from": self.resumed_from,
            "was_complete": self.was_complete,
            "seconds": self.seconds,
        }
        if self.evaluation is not None:
            result["evaluation"] = self.evaluation
        return result | {"command": self.command}

    def tables(self) -> list[Table]:
        """Return the numbers of the run by name."""
        plan = self.plan
        rows: list[tuple[str, object]] = [
            ("rows", plan.rows),
            ("steps", plan.steps),
            ("warm-up steps", plan.warmup_steps),
            ("global batch", plan.global_batch_size),
            ("LoRA modules", plan.lora_modules),
            ("trainable parameters", plan.trainable_parameters),
            ("last loss", self.last_loss),
            ("seconds", self.seconds),
            ("folder", str(self.folder)),
        ]
        return [Table(("", "value"), rows), *self._scores()]

    def _scores(self) -> list[Table]:
        if self.evaluation is None:
            return []
        rows = [
            (task.removeprefix("task"), name, round(value, 2))
            for task, numbers in self.evaluation["scores"].items()
            for name, value in numbers.items()
        ]
        title = f"answers to {self.evaluation['gold']}"
        return [Table(("task", "number", "value"), rows, title)]

    def notes(self) -> list[str]:
        """Return the run in words, and what comes next."""
        if self.summary is None:
            return []
        merge = f"one plain model, with its chat template: vsdkit merge {self.folder}"
        return ["", self.summary, "", merge, *([self.serving] if self.serving else [])]
