"""What the overall is made of: z1, z2 and z3 as they enter it, systems beside the paper's row."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from matplotlib.figure import Figure

from vsdkit.metrics import overall
from vsdkit.metrics.published import LLAVA_VSD
from vsdkit.plots.figure import STYLES, Inches, add_legend, plain, write_figure
from vsdkit.progress import Listener

__all__ = ["OVERALL_PARTS", "Parts", "plot_parts"]

OVERALL_PARTS: Final = "overall"
"""Name of the plot's files."""

# What one point of each total is worth in the overall: 0.2, 0.3 and 0.5.
_WEIGHTS = (overall(1, 0, 0), overall(0, 1, 0), overall(0, 0, 1))
_WIDTH, _HEIGHT_OF_ALL, _HEIGHT_OF_ONE = 8.0, 1.6, 0.55
_BAR = 0.62
"""Height of a bar; the rest to 1 keeps systems apart."""
_WIDE_ENOUGH = 4.0
"""Points of the overall, from which on a number fits into its part of a bar."""


class Parts(NamedTuple):
    """The totals of one system; None where there is none."""

    name: str
    """What stands beside its bar."""
    z1: float | None
    z2: float | None
    z3: float | None
    overall: float | None
    interval: tuple[float, float] | None = None
    """Of the overall, the middle 95 % of the resamples; None without resamples."""

    @property
    def totals(self) -> tuple[float | None, float | None, float | None]:
        """Those of the tasks."""
        return self.z1, self.z2, self.z3


_PAPER = Parts(
    f"{LLAVA_VSD.system}, as printed: {LLAVA_VSD.split} split",
    LLAVA_VSD.z1,
    LLAVA_VSD.z2,
    LLAVA_VSD.z3,
    LLAVA_VSD.overall,
)


def plot_parts(
    folder: Path, systems: Sequence[Parts], *, listener: Listener, reading: str = ""
) -> None:
    """Write the parts of each system's overall, stacked, and the paper's below them.

    Args:
        folder: Where; it is made if need be.
        systems: One or several.
        listener: Is told of both files.
        reading: Which reading of the metrics the systems' numbers are of, if it is one.

    Raises:
        VsdkitError: If a file cannot be written.
    """
    rows = [*systems, _PAPER]
    inches = Inches(_WIDTH, _HEIGHT_OF_ALL + _HEIGHT_OF_ONE * len(rows))
    draw = partial(_draw, rows=rows, reading=reading)
    write_figure(folder, OVERALL_PARTS, draw, inches=inches, listener=listener)


def _draw(figure: Figure, rows: Sequence[Parts], reading: str) -> None:
    axes = figure.add_subplot()
    # Of what was added so far, to the right and, for a z3 below 0, to the left.
    ends = [[0.0, 0.0] for _ in rows]
    handles: list[Any] = []
    for number, weight in enumerate(_WEIGHTS):
        look = STYLES[number]
        values = [weight * (row.totals[number] or 0) for row in rows]
        starts = [end[value < 0] for end, value in zip(ends, values, strict=True)]
        handles.append(
            axes.barh(
                range(len(rows)),
                values,
                left=starts,
                height=_BAR,
                color=look.colour,
                hatch=look.hatch,
                edgecolor="black",
                linewidth=0.6,
            )
        )
        for place, (start, value) in enumerate(zip(starts, values, strict=True)):
            ends[place][value < 0] += value
            if abs(value) >= _WIDE_ENOUGH:
                _write(axes, start + value / 2, place, f"{value:.1f}")
    handles.append(_draw_totals(axes, rows, [end[0] for end in ends]))
    names = ("z1 (task 1)", "z2 (task 2)", "z3 (task 3)")
    labels = [f"{weight:.1f} {name}" for weight, name in zip(_WEIGHTS, names, strict=True)]
    intervals = any(row.interval for row in rows)
    add_legend(figure, handles, [*labels, "overall, 95 % interval" if intervals else "overall"])
    axes.set_yticks(range(len(rows)), [plain(row.name) for row in rows], fontsize=9)
    # The first system at the top; the paper's row stands apart, since it is of another run.
    axes.invert_yaxis()
    axes.axhline(len(rows) - 1.5, color="black", linewidth=0.8, linestyle=":")
    axes.axvline(0, color="black", linewidth=0.8)
    of_reading = f", reading: {reading}" if reading else ""
    axes.set_xlabel(
        f"points of the overall{of_reading}\n({LLAVA_VSD.system}'s are of the {LLAVA_VSD.split} "
        "split: compare with results of that split only)",
        fontsize=9,
    )
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)


def _draw_totals(axes: Any, rows: Sequence[Parts], ends: Sequence[float]) -> Any:
    """Mark each overall, write it behind its bar, and return the mark.

    The mark stands on the lower edge: where z3 is below 0 it would hide a number within the bar.
    """
    (marks,) = axes.plot(
        [row.overall for row in rows if row.overall is not None],
        [place + _BAR / 2 for place, row in enumerate(rows) if row.overall is not None],
        linestyle="",
        marker="D",
        markersize=5,
        color="black",
        markeredgecolor="white",
        zorder=3,
    )
    reach = max(ends)
    for place, (row, end) in enumerate(zip(rows, ends, strict=True)):
        if row.interval is not None:
            low, high = row.interval
            axes.errorbar(
                (low + high) / 2,
                place + _BAR / 2,
                xerr=(high - low) / 2,
                fmt="none",
                ecolor="black",
                capsize=3,
                zorder=3,
            )
            end = max(end, high)
        told = "overall: n/a" if row.overall is None else f"{row.overall:.2f}"
        axes.annotate(
            told, (end, place), xytext=(7, 0), textcoords="offset points", va="center", fontsize=9
        )
    # Room for the number behind the longest bar.
    axes.set_xlim(None, max(reach, 1) * 1.22)
    return marks


def _write(axes: Any, x: float, y: float, text: str) -> None:
    # On white, or a hatch would run through the number.
    axes.text(
        x,
        y,
        text,
        ha="center",
        va="center",
        fontsize=8,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2},
    )
