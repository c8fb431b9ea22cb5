"""The page of runs: their curves on one axis, their states, the settings in which they differ."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vsdkit.progress import Listener
from vsdkit.report.command import describe_writing
from vsdkit.report.page import Page, assets_named
from vsdkit.report.written import WrittenReport
from vsdkit.settings.report import ReportSettings

__all__ = ["write_runs"]


def write_runs(
    settings: ReportSettings,
    *,
    listener: Listener,
    origins: Mapping[str, str] | None,  # noqa: ARG001 - of every kind of page
) -> WrittenReport:
    """Write the page of some runs, under way or ended; nothing in their folders is changed.

    Raises:
        MissingInputError: If a folder holds no run.
        DataError: If a file of a run is damaged; file and line are named.
        ConfigError: If the page's folder holds something else.
    """
    from vsdkit.finetune.run_state import read_run
    from vsdkit.model.run_folder import JOB, METRICS, RUN
    from vsdkit.report.runs.curves import MEASURES, describe_curves
    from vsdkit.report.runs.told import make_card, make_labels, settings_of, values_of

    page = Page(settings.output)
    # The same folder named twice, as by a pattern and by itself, is one run.
    named: dict[Path, Path] = {}
    for path in settings.inputs:
        named.setdefault(path.resolve(), path)
    folders = list(named.values())
    runs = []
    with listener.track("reading runs", total=len(folders)) as tracker:
        for folder in folders:
            runs.append(read_run(folder))
            tracker.advance()
    labels = make_labels(folders)
    page.add_data(
        "runs",
        {
            "measures": [measure._asdict() for measure in MEASURES],
            "runs": [
                describe_curves(run, label=label) for run, label in zip(runs, labels, strict=True)
            ],
        },
    )
    rows = settings_of(runs)
    index = page.finish(
        "runs.html",
        title=f"run {labels[0]}" if len(runs) == 1 else f"{len(runs)} runs",
        assets=("shared.css", "copy.js", *assets_named("runs")),
        under_way=any(run.state in ("running", "evaluating") for run in runs),
        cards=[
            make_card(run, number=number, label=label)
            for number, (run, label) in enumerate(zip(runs, labels, strict=True), start=1)
        ],
        differing=[row for row in rows if row.differs],
        settings=rows,
        values=[values_of(run, label=label) for run, label in zip(runs, labels, strict=True)],
        **describe_writing(settings),
    )
    return WrittenReport(
        page=index,
        kind="runs",
        counts={
            "runs": len(runs),
            "steps": sum(len(run.steps) for run in runs),
            "differing_settings": sum(row.differs for row in rows),
        },
        sizes=page.count_bytes(),
        files=[
            file
            for folder in folders
            for name in (JOB, METRICS, RUN)
            if (file := folder / name).is_file()
        ],
    )
