"""Run a grid and set its results side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vsdkit.ablate.grid import Cell, expand
from vsdkit.ablate.stages import Pipeline, run_stage
from vsdkit.errors import MissingInputError, VsdkitError
from vsdkit.manifest import Manifest
from vsdkit.progress import SILENT, Listener
from vsdkit.reporting import Report, Table
from vsdkit.score.headline import HEADLINE, headline
from vsdkit.settings.ablate import AblateSettings, GridSettings

__all__ = ["AblateReport", "ablate", "table_four"]


@dataclass(frozen=True, slots=True)
class AblateReport(Report):
    """One row a combination, in the order of the grid.

    A row has ``choices``, and either ``scores`` (what ``score --json`` prints) or ``error``.
    """

    rows: tuple[Mapping[str, Any], ...]
    folder: Path
    """Where run.json and the folders of the stages are."""
    remarks: tuple[str, ...] = ()
    """What must be known to read the table."""

    @property
    def failed(self) -> int:
        """How many combinations ended in an error."""
        return sum("error" in row for row in self.rows)

    @property
    def failures(self) -> tuple[VsdkitError, ...]:
        """One error that counts the combinations that failed and says why the first did."""
        errors = [str(row["error"]) for row in self.rows if "error" in row]
        if not errors:
            return ()
        return (
            VsdkitError(
                f"{len(errors)} of {len(self.rows)} combinations failed, the first with: "
                f"{errors[0].splitlines()[0]}",
                where=str(self.folder / "run.json"),
                hint="run the same command again when that is mended: what is complete is kept",
            ),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the rows as JSON."""
        return {"rows": [dict(row) for row in self.rows], "failed": self.failed}

    def tables(self) -> list[Table]:
        """Return a row for each combination: its choices, its headline numbers."""
        choices = list(self.rows[0]["choices"]) if self.rows else []
        rows: list[list[object]] = [
            [*(_choice(value) for value in row["choices"].values()), *_numbers(row)]
            for row in self.rows
        ]
        return [Table((*choices, *HEADLINE), rows)]

    def notes(self) -> tuple[str, ...]:
        """Return what must be known to read the table."""
        return self.remarks


_PAPER = (
    "The paper (Table 4): without rewriting mBLEU-4 7.0931, SPICE 46.0628; with it 0.6916, 45.809.",
    "Its printed ticks are the other way round; only this reading gives the published 59.3998.",
)


def ablate(grid: GridSettings, *, folder: Path, listener: Listener = SILENT) -> AblateReport:
    """Run every combination of the grid; a stage that two of them share runs once.

    Args:
        grid: Settings of the stages, and those that vary.
        folder: Each stage has a folder in it, named after a hash of its settings and inputs; a
            complete one is taken as it is. ``run.json`` with all rows lies there too.
        listener: Who is told.

    Raises:
        ConfigError: If the grid is wrong. An error of one combination is its row's ``error``.
        MissingInputError: If the predictions or the gold named are not there.
    """
    manifest = Manifest("ablate", settings=grid.model_dump(), packages=("torch", "transformers"))
    cells = expand(grid)
    _check_files(grid)
    rows = []
    for number, cell in enumerate(cells, start=1):
        chosen = ", ".join(f"{key} = {value}" for key, value in cell.choices.items())
        listener.message(f"[{number}/{len(cells)}] {chosen}")
        rows.append(_run_cell(cell, grid, folder, listener))
    report = AblateReport(tuple(rows), folder)
    manifest.write(folder / "run.json", **report.to_dict())
    return report


def table_four(settings: AblateSettings, *, listener: Listener = SILENT) -> AblateReport:
    """Return the paper's Table 4 for predictions at hand: without and with rewriting."""
    engine: dict[str, object] = {
        key: value
        for key, value in (("model", settings.model), ("base_url", settings.base_url))
        if value is not None
    }
    grid = GridSettings(
        preds=settings.preds,
        gold=settings.gold,
        stages={"diversify": engine},
        grid={"diversify.engine": ["none", settings.engine]},
    )
    report = ablate(grid, folder=settings.folder, listener=listener)
    return replace(report, remarks=_PAPER)


def _check_files(grid: GridSettings) -> None:
    hints = {"preds": "make it: vsdkit infer", "gold": "make it: vsdkit build-instructions"}
    for name, hint in hints.items():
        path = getattr(grid, name)
        if path is not None and not path.exists():
            raise MissingInputError(f"no such file of {name}", where=str(path), hint=hint)


def _run_cell(cell: Cell, grid: GridSettings, folder: Path, listener: Listener) -> dict[str, Any]:
    choices = dict(cell.choices)
    pipeline = Pipeline.begin(preds=grid.preds, gold=grid.gold)
    try:
        for name, given in cell.stages.items():
            pipeline = run_stage(name, given, pipeline, folder, listener=listener)
    except VsdkitError as error:
        listener.message(f"failed: {error}")
        return {"choices": choices, "error": str(error)}
    return {"choices": choices, "scores": dict(pipeline.result)}


def _numbers(row: Mapping[str, Any]) -> Sequence[object]:
    if "error" in row:
        return ["failed", *[None] * (len(HEADLINE) - 1)]
    return list(headline(row["scores"]).values())


def _choice(value: object) -> str:
    return "none" if value is None else str(value)
