"""Run a grid and set its results side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vsdkit.ablate.grid import Cell, expand
from vsdkit.ablate.stages import Pipeline, run_stage
from vsdkit.data.jsonl import require_folder
from vsdkit.errors import MissingInputError, VsdkitError
from vsdkit.manifest import Manifest
from vsdkit.metrics.published import LLAVA_VSD, LLAVA_VSD_WITHOUT_REWRITING
from vsdkit.model.run_folder import is_complete
from vsdkit.progress import SILENT, Listener
from vsdkit.reporting import Report, Table
from vsdkit.score.headline import HEADLINE, headline
from vsdkit.settings.ablate import AblateSettings

__all__ = ["AblateReport", "run_grid"]


@dataclass(frozen=True, slots=True)
class AblateReport(Report):
    """One row a combination, in the order of the grid."""

    rows: tuple[Mapping[str, Any], ...]
    """Each has ``choices``, and either ``scores`` (what ``score --json`` prints) or ``error``."""
    folder: Path
    """Where run.json and the folders of the stages are."""
    remarks: tuple[str, ...] = ()
    """What must be known to read the table."""
    undrawn: tuple[VsdkitError, ...] = ()
    """Why a plot could not be written."""

    @property
    def failed(self) -> int:
        """How many combinations ended in an error."""
        return sum("error" in row for row in self.rows)

    @property
    def failures(self) -> tuple[VsdkitError, ...]:
        """One error that counts the combinations that failed and says why the first did.

        Behind it what could not be drawn.
        """
        errors = [str(row["error"]) for row in self.rows if "error" in row]
        if not errors:
            return self.undrawn
        return (
            VsdkitError(
                f"{len(errors)} of {len(self.rows)} combinations failed, the first with: "
                f"{errors[0].splitlines()[0]}",
                where=str(self.folder / "run.json"),
                hint="run the same command again when that is repaired: what is complete is kept",
            ),
            *self.undrawn,
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


_WITHOUT, _WITH = LLAVA_VSD_WITHOUT_REWRITING, LLAVA_VSD
_PAPER = (
    f"The paper (Table 4): without rewriting mBLEU-4 {_WITHOUT.mbleu4}, SPICE {_WITHOUT.spice3}; "
    f"with it {_WITH.mbleu4}, {_WITH.spice3}.",
    "Its printed ticks are the other way round; only this reading gives the published "
    f"{_WITH.total}.",
)


def run_grid(
    settings: AblateSettings,
    *,
    listener: Listener = SILENT,
    origins: Mapping[str, str] | None = None,
) -> AblateReport:
    """Run every combination of the grid, or Table 4; see ``vsdkit.ablate.ablate``.

    Each stage has a folder in ``settings.folder``, named after a hash of its settings and inputs;
    a complete one is taken as it is. ``run.json`` with all rows lies there too.
    """
    grid = settings if settings.grid else _table_four(settings)
    manifest = Manifest(
        "ablate",
        settings=grid.model_dump(),
        origins=origins,
        packages=("torch", "transformers"),
    )
    cells = expand(grid)
    _check_files(grid)
    if grid.plots is not None:
        require_folder(grid.plots)
    rows = []
    trained: dict[Path, str] = {}
    for number, cell in enumerate(cells, start=1):
        chosen = ", ".join(f"{key} = {value}" for key, value in cell.choices.items())
        listener.message(f"[{number}/{len(cells)}] {chosen}")
        row, pipeline = _run_cell(cell, grid, listener)
        rows.append(row)
        run = pipeline.files.get("adapter")
        if run is not None and is_complete(run):
            # Combinations that differ behind the training share a run, which the first names.
            trained.setdefault(run, chosen)
    report = AblateReport(tuple(rows), grid.folder, remarks=() if settings.grid else _PAPER)
    manifest.write(grid.folder / "run.json", **report.to_dict())
    if grid.plots is not None:
        # Matplotlib loads here: a grid without plots does without.
        from vsdkit.ablate.plots import draw_plots

        try:
            draw_plots(grid.plots, rows, trained, listener=listener)
        except VsdkitError as error:
            # What was computed is printed all the same.
            report = replace(report, undrawn=(error,))
    return report


def _table_four(settings: AblateSettings) -> AblateSettings:
    """Return the grid that the paper's Table 4 is: without and with rewriting."""
    engine = {
        name: value
        for name in ("model", "base_url")
        if (value := getattr(settings, name)) is not None
    }
    grid = {"diversify.engine": ["none", settings.engine]}
    return settings.model_copy(update={"stages": {"diversify": engine}, "grid": grid})


def _check_files(grid: AblateSettings) -> None:
    hints = {"preds": "make it: vsdkit infer", "gold": "make it: vsdkit build-instructions"}
    for name, hint in hints.items():
        path = getattr(grid, name)
        if path is not None and not path.exists():
            raise MissingInputError(f"no such file of {name}", where=str(path), hint=hint)


def _run_cell(
    cell: Cell, grid: AblateSettings, listener: Listener
) -> tuple[dict[str, Any], Pipeline]:
    choices = dict(cell.choices)
    pipeline = Pipeline.begin(preds=grid.preds, gold=grid.gold)
    try:
        for name, given in cell.stages.items():
            pipeline = run_stage(name, given, pipeline, grid.folder, listener=listener)
    except VsdkitError as error:
        listener.message(f"failed: {error}")
        return {"choices": choices, "error": str(error)}, pipeline
    return {"choices": choices, "scores": dict(pipeline.result)}, pipeline


def _numbers(row: Mapping[str, Any]) -> Sequence[object]:
    if "error" in row:
        return ["failed", *[None] * (len(HEADLINE) - 1)]
    return list(headline(row["scores"]).values())


def _choice(value: object) -> str:
    return "none" if value is None else str(value)
