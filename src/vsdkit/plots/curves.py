"""Loss and learning rate of one or several runs over their steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vsdkit.plots.figure import STYLES, Inches, Style, add_legend, write_figure, write_png
from vsdkit.progress import Listener

__all__ = ["CURVES", "Run", "plot_curves", "write_curves"]

CURVES: Final = "loss"
"""Name of the plot's files."""

_SMOOTHED = 0.9
"""Weight of the steps before: a mean over about the last ten."""
_FEW_STEPS = 40
"""Up to so many each step has a marker: a line shows neither one point nor one between two gaps."""
_MARKERS = 8
"""On the line of each of several runs: in grey print dashes alone do not tell six lines apart."""
_INCHES = Inches(8, 5.5)


class Run(NamedTuple):
    """A run, as its metrics.jsonl has it."""

    name: str
    """What the legend calls it."""
    rows: Sequence[Mapping[str, Any]]
    """One a step: ``step``, ``loss`` (None where it is not finite), ``learning_rate``, and
    ``skipped`` in fp16."""

    @property
    def losses(self) -> list[float]:
        """The steps' losses; NaN for null, as which JSON has whatever is not finite."""
        return [math.nan if row["loss"] is None else row["loss"] for row in self.rows]


def plot_curves(folder: Path, runs: Sequence[Run], *, listener: Listener) -> None:
    """Write loss and learning rate as SVG and PNG.

    A step without a finite loss is a gap in the lines; it has a cross at the lower edge, and so has
    one that was skipped.

    Raises:
        VsdkitError: If a file cannot be written.
    """
    write_figure(folder, CURVES, partial(_draw, runs=runs), inches=_INCHES, listener=listener)


def write_curves(path: Path, runs: Sequence[Run]) -> None:
    """Write the same plot as one PNG.

    Raises:
        VsdkitError: If the file cannot be written.
    """
    write_png(path, partial(_draw, runs=runs), inches=_INCHES)


def _draw(figure: Figure, runs: Sequence[Run]) -> None:
    # Two panels and not two axes on one: with several runs nobody could tell whose line is whose.
    losses, rates = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    handles, labels = [], []
    crossed = None
    for number, run in enumerate(runs):
        look = STYLES[number % len(STYLES)]
        # Of several runs each has its markers at other steps, so that none hides another's.
        every = _marked(len(run.rows), number, len(runs)) if len(runs) > 1 else ()
        raw, mean = _draw_loss(losses, run, look, every, faint=len(runs) > 1)
        crossed = _draw_crosses(losses, run, look, place=number) or crossed
        _draw_rate(rates, run, look, every)
        if len(runs) > 1:
            handles.append(mean)
            labels.append(run.name)
        else:
            handles += [raw, mean]
            labels += ["each step", "running mean"]
    if len(runs) > 1:
        handles.append(losses.plot([], [], color="black", alpha=0.4, linewidth=1)[0])
        labels.append("thin: each step")
    if crossed is not None:
        handles.append(crossed)
        labels.append("skipped, or no finite loss")
    add_legend(figure, handles, labels)
    known = [loss for run in runs for loss in run.losses if math.isfinite(loss)]
    losses.set(ylabel="loss (mean over answer tokens)", ylim=(min([0, *known]), None))
    if not known:
        losses.text(0.5, 0.5, "no finite loss", transform=losses.transAxes, ha="center")
        losses.set_yticks([])
    rates.set(xlabel="step", ylabel="learning rate", ylim=(0, None))
    rates.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    rates.xaxis.set_major_locator(MaxNLocator(integer=True))
    steps = {row["step"] for run in runs for row in run.rows}
    if len(steps) == 1:
        rates.set_xlim(min(steps) - 1, max(steps) + 1)
    for axes in (losses, rates):
        axes.grid(alpha=0.3)


def _smooth(values: Sequence[float]) -> list[float]:
    """Return the exponential running mean, divided by its weights: no pull from a start at zero.

    A value that is not finite leaves a gap and counts for nothing afterwards.
    """
    smoothed, total, weight = [], 0.0, 0.0
    for value in values:
        if not math.isfinite(value):
            smoothed.append(math.nan)
            continue
        total = _SMOOTHED * total + value
        weight = _SMOOTHED * weight + 1
        smoothed.append(total / weight)
    return smoothed


def _marked(steps: int, number: int, runs: int) -> list[int]:
    """Return the places of the steps that have a marker, in the line of one of several runs."""
    between = max(1, steps // _MARKERS)
    return list(range(number * between // runs, steps, between))


def _draw_loss(
    axes: Any, run: Run, look: Style, every: Sequence[int], *, faint: bool
) -> tuple[Any, Any]:
    """Draw both lines of a run and return them."""
    steps = [row["step"] for row in run.rows]
    values = [loss if math.isfinite(loss) else math.nan for loss in run.losses]
    (raw,) = axes.plot(
        steps,
        values,
        color=look.colour,
        alpha=0.2 if faint else 0.4,
        linewidth=1,
        marker=look.marker if len(steps) <= _FEW_STEPS else "",
        markersize=4,
    )
    (mean,) = axes.plot(steps, _smooth(values), **_line(look, len(steps), every), linewidth=2)
    return raw, mean


def _line(look: Style, steps: int, every: Sequence[int]) -> dict[str, Any]:
    return {
        "color": look.colour,
        "linestyle": look.line,
        # A line of one point is only seen by its marker.
        "marker": look.marker if every or steps == 1 else "",
        "markevery": every or None,
        "markersize": 7,
        "markeredgecolor": "white",
    }


def _draw_crosses(axes: Any, run: Run, look: Style, *, place: int) -> Any:
    """Mark the steps that were skipped or have no finite loss; return the marks, None of none."""
    steps = [
        row["step"]
        for row, loss in zip(run.rows, run.losses, strict=True)
        if row.get("skipped") or not math.isfinite(loss)
    ]
    if not steps:
        return None
    # At the edge, not at the loss: it has none, or one that is far above the others. One run above
    # the other, so that no mark hides another.
    height = 0.02 + 0.025 * place
    (marks,) = axes.plot(
        steps,
        [height] * len(steps),
        transform=axes.get_xaxis_transform(),
        linestyle="",
        marker="x",
        markersize=5,
        color=look.colour,
        clip_on=False,
    )
    return marks


def _draw_rate(axes: Any, run: Run, look: Style, every: Sequence[int]) -> None:
    steps = [row["step"] for row in run.rows]
    rates = [row["learning_rate"] for row in run.rows]
    axes.plot(steps, rates, **_line(look, len(steps), every), linewidth=1.5)
