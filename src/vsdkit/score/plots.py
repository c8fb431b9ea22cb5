"""The plots of a scoring: F1 by relation, and what each system's overall is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vsdkit.plots import Bar, Parts, SystemBars, plot_parts, plot_relations
from vsdkit.progress import Listener
from vsdkit.score.diagnosis.confusion import count_relations
from vsdkit.score.report import ScoreReport
from vsdkit.score.system_scores import SystemScores

if TYPE_CHECKING:
    from vsdkit.metrics.intervals import Interval
    from vsdkit.score.uncertainty import ImageResamples

__all__ = ["draw_plots"]


def draw_plots(
    folder: Path,
    report: ScoreReport,
    scores: Sequence[SystemScores],
    *,
    resamples: ImageResamples | None,
    listener: Listener,
) -> None:
    """Write the plots of a scoring; baselines stand beside the systems' overall alone.

    Args:
        folder: Where they go.
        report: Of all systems.
        scores: Of each system, in the report's order.
        resamples: Those of the report's intervals; None without any.
        listener: Is told of every file, and of what is not drawn.

    Raises:
        VsdkitError: If a file cannot be written.
    """
    everyone = (*report.systems, *report.baselines)
    parts = [_parts(one.name, one.numbers, one.intervals.get("overall")) for one in everyone]
    plot_parts(folder, parts, reading=report.reading, listener=listener)
    if not scores[0].rows(1):
        listener.message("no plot of F1 by relation: gold has no rows of task 1")
        return
    rows = scores[0].rows(1)
    counted = count_relations(rows, [None] * len(rows))
    plot_relations(
        folder,
        [_bars(one, resamples) for one in scores],
        rows={one.relation: one.gold for one in counted},
        listener=listener,
    )


def _parts(name: str, numbers: Mapping[str, float | None], interval: Interval | None) -> Parts:
    z1, z2, z3, overall = (numbers.get(key) for key in ("z1", "z2", "z3", "overall"))
    return Parts(name, z1, z2, z3, overall, interval)


def _bars(scores: SystemScores, resamples: ImageResamples | None) -> SystemBars:
    rows = scores.rows(1)
    intervals = {} if resamples is None else resamples.f1_by_relation(scores)
    counted = count_relations(rows, [row.label for row in rows])
    return SystemBars(
        scores.name,
        {one.relation: Bar(one.f1, intervals.get(one.relation)) for one in counted},
    )
