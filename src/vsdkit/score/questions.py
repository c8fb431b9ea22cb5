"""Export the questions of a gold file for another tool: LLaVA, LLaMA-Factory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsdkit.conversation import load_template
from vsdkit.errors import ConfigError, DataError
from vsdkit.formats import write_questions
from vsdkit.progress import SILENT, Listener
from vsdkit.reporting import Report, Table
from vsdkit.score.inputs import read_gold, refuse_outputs
from vsdkit.settings.score import ScoreSettings

__all__ = ["ExportReport", "export_questions"]


@dataclass(frozen=True)
class ExportReport(Report):
    """What was written."""

    output: Path
    """The file."""
    tool: str
    """The tool that it is for."""
    questions: int
    """How many there are."""

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        return {"output": str(self.output), "tool": self.tool, "questions": self.questions}

    def tables(self) -> list[Table]:
        """Return the report as one row."""
        row = self.to_dict()
        return [Table(tuple(row), [tuple(row.values())])]


def export_questions(settings: ScoreSettings, *, listener: Listener = SILENT) -> ExportReport:
    """Write a question for each gold row and return how many there are.

    Raises:
        MissingInputError: If gold is not there.
        DataError: If a gold row is wrong.
        TemplateError: If the template is unknown or wrong.
        ConfigError: If no file is named.
    """
    if settings.export_questions is None:
        raise ConfigError("no file for the questions", where="export_questions")
    refuse_outputs(settings)
    gold = read_gold(settings, listener)
    asked = [row for row in gold.values() if settings.task in (None, row.task)]
    if not asked:
        raise DataError(
            f"no gold rows of task {settings.task}", where=", ".join(map(str, settings.gold))
        )
    count = write_questions(
        settings.export_questions,
        asked,
        settings.questions_for,
        load_template(settings.question_template),
    )
    return ExportReport(settings.export_questions, settings.questions_for, count)
