"""The plots of a grid: what each combination's overall is made of, and the runs that it trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vsdkit.data.jsonl import read_rows
from vsdkit.model.run_folder import METRICS
from vsdkit.plots import Parts, Run, plot_curves, plot_parts
from vsdkit.progress import Listener

__all__ = ["draw_plots"]


def draw_plots(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    trained: Mapping[Path, str],
    *,
    listener: Listener,
) -> None:
    """Write the plots of a grid; a combination that failed is in none of them.

    Args:
        folder: Where they go.
        rows: Those of the report.
        trained: Run folder to what was chosen for it.
        listener: Is told of every file, and of what is not drawn.

    Raises:
        DataError: If a run's metrics.jsonl is no longer what was written.
        VsdkitError: If a file cannot be written.
    """
    parts = [_parts(row) for row in rows if "scores" in row]
    if parts:
        plot_parts(folder, parts, listener=listener)
    else:
        listener.message("no plot: no combination has scores")
    if trained:
        runs = [
            Run(chosen, [row for _, row in read_rows(run / METRICS)])
            for run, chosen in trained.items()
        ]
        plot_curves(folder, runs, listener=listener)


def _parts(row: Mapping[str, Any]) -> Parts:
    scores = row["scores"]
    interval = scores["intervals"].get("overall")
    return Parts(
        ", ".join(f"{key} = {value}" for key, value in row["choices"].items()),
        z1=scores["z1"],
        z2=scores["z2"],
        z3=scores["z3"],
        overall=scores["overall"],
        interval=None if interval is None else (interval[0], interval[1]),
    )
