"""Plots of plain data, each written as SVG and PNG: loss curves, F1 by relation, parts of overall.

Matplotlib is loaded with this package: import it where a plot is asked for, and nowhere else.
"""

from __future__ import annotations

from vsdkit.plots.curves import Run, plot_curves, write_curves
from vsdkit.plots.parts import Parts, plot_parts
from vsdkit.plots.relations import Bar, SystemBars, plot_relations

__all__ = [
    "Bar",
    "Parts",
    "Run",
    "SystemBars",
    "plot_curves",
    "plot_parts",
    "plot_relations",
    "write_curves",
]
