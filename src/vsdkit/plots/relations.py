"""F1 of task 1 by relation, several systems side by side, with intervals where there are any."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from matplotlib.figure import Figure

from vsdkit.data.relations import RELATIONS
from vsdkit.plots.figure import STYLES, Inches, add_legend, write_figure
from vsdkit.progress import Listener

__all__ = ["RELATION_F1", "Bar", "SystemBars", "plot_relations"]

RELATION_F1: Final = "relation_f1"
"""Name of the plot's files."""

_GROUP = 0.84
"""Width of a relation's bars; the rest to 1 keeps relations apart."""
_INCHES_A_BAR = 0.15
_LEAST_INCHES = 8.0
_HEIGHT = 4.5


class Bar(NamedTuple):
    """F1 of one relation, 0 to 100."""

    f1: float | None
    """None where neither gold nor a prediction has the relation."""
    interval: tuple[float, float] | None = None
    """The middle 95 % of the resamples; None without resamples."""


class SystemBars(NamedTuple):
    """F1 of one system."""

    name: str
    """What the legend calls it."""
    by_relation: Mapping[str, Bar]
    """By the relation's long form."""


def plot_relations(
    folder: Path, systems: Sequence[SystemBars], *, rows: Mapping[str, int], listener: Listener
) -> None:
    """Write F1 by relation as SVG and PNG.

    Args:
        folder: Where; it is made if need be.
        systems: One or several.
        rows: Relation to the rows that have it in gold.
        listener: Is told of both files.

    Raises:
        VsdkitError: If a file cannot be written.
    """
    width = max(_LEAST_INCHES, len(RELATIONS) * (0.3 + _INCHES_A_BAR * len(systems)))
    draw = partial(_draw, systems=systems, rows=rows)
    write_figure(folder, RELATION_F1, draw, inches=Inches(width, _HEIGHT), listener=listener)


def _draw(figure: Figure, systems: Sequence[SystemBars], rows: Mapping[str, int]) -> None:
    axes = figure.add_subplot()
    size = _GROUP / len(systems)
    handles: list[Any] = []
    for number, system in enumerate(systems):
        look = STYLES[number % len(STYLES)]
        # The middle of a relation's bars stands at the relation's number.
        shift = (number + 0.5) * size - _GROUP / 2
        places = {relation: place + shift for place, relation in enumerate(RELATIONS)}
        bars = axes.bar(
            list(places.values()),
            [system.by_relation[relation].f1 or 0 for relation in RELATIONS],
            width=0.9 * size,
            color=look.colour,
            hatch=look.hatch,
            edgecolor="black",
            linewidth=0.6,
        )
        handles.append(bars)
        for relation, place in places.items():
            _draw_interval(axes, place, system.by_relation[relation])
    if any(bar.interval for system in systems for bar in system.by_relation.values()):
        handles.append(axes.errorbar([], [], yerr=[], fmt="none", ecolor="black", capsize=2))
    labels = [system.name for system in systems]
    add_legend(figure, handles, [*labels, "95 % interval"][: len(handles)])
    axes.set_xticks(
        range(len(RELATIONS)),
        [f"{textwrap.fill(relation, 9)}\nn = {rows.get(relation, 0):,}" for relation in RELATIONS],
        fontsize=9,
    )
    axes.set_xlabel("relation; n: rows that have it in gold")
    axes.set(ylabel="F1", ylim=(0, 100), xlim=(-0.5, len(RELATIONS) - 0.5))
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)


def _draw_interval(axes: Any, place: float, bar: Bar) -> None:
    if bar.f1 is None:
        # Which a bar of height 0 would hide: that one was answered, and always wrongly.
        axes.text(place, 1, "n/a", rotation=90, ha="center", va="bottom", fontsize=7)
    elif bar.interval is not None:
        low, high = bar.interval
        # Around its own middle: F1 need not lie within the interval, and a length is not negative.
        axes.errorbar(
            place,
            (low + high) / 2,
            yerr=(high - low) / 2,
            fmt="none",
            ecolor="black",
            elinewidth=1,
            capsize=2,
        )
