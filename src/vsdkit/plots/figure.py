"""What all plots share: styles that grey print keeps apart, names as plain text, whole files."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib import style
from matplotlib.figure import Figure

from vsdkit.data.jsonl import write_bytes
from vsdkit.progress import Listener

__all__ = ["STYLES", "Draw", "Inches", "Style", "add_legend", "plain", "write_figure", "write_png"]

Draw = Callable[[Figure], None]
"""Draws on an empty figure."""


class Inches(NamedTuple):
    """Size of a figure."""

    width: float
    height: float


class Style(NamedTuple):
    """How one of several systems or runs is drawn, so that no two differ in colour alone."""

    colour: str
    """Of a line, or of the inside of a bar."""
    line: Any
    """Dashes of a line, as matplotlib writes them."""
    marker: str
    """Of single points."""
    hatch: str
    """Of a bar."""


# The colours of Okabe and Ito (2008, "Color universal design"), which the colour-blind tell apart.
# Their greys lie near each other, so dashes, markers and hatches say the same once more.
STYLES = (
    Style("#0072B2", "-", "o", ""),
    Style("#E69F00", "--", "s", "////"),
    Style("#009E73", "-.", "^", "...."),
    Style("#CC79A7", ":", "D", "\\\\\\\\"),
    Style("#56B4E9", (0, (6, 1, 1, 1, 1, 1)), "v", "xxxx"),
    Style("#D55E00", (0, (9, 3)), "P", "----"),
    Style("#F0E442", (0, (1, 3)), "X", "oo"),
    Style("#000000", (0, (3, 5, 1, 5)), "*", ""),
)
"""In the order in which they are given out; behind the last the first comes again."""

_SETTINGS = {
    # The same data gives the same bytes: without a salt the names of an SVG's parts are random.
    "svg.hashsalt": "vsdkit",
    # Letters stay letters, which can be searched, selected and edited.
    "svg.fonttype": "none",
    # A name such as "$\\bad" is a user's text, and no formula.
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "hatch.linewidth": 0.6,
}
_DPI = 120
_LONGEST_LINE = 40
_MOST_LINES = 2


def plain(name: str) -> str:
    r"""Return a user's name as a plot shows it: printable, in lines of 40 letters, two at most.

    >>> plain("runs/a" + 100 * "b" + "/last")
    'runs/abbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n…bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb/last'
    """
    # A file's name may hold anything: SVG takes no control characters, nor half a letter.
    shown = "".join(letter if letter.isprintable() else " " for letter in name)
    shown = " ".join(shown.split()) or "(no name)"
    longest = _LONGEST_LINE * _MOST_LINES
    lines = textwrap.wrap(shown, _LONGEST_LINE)
    if len(lines) > _MOST_LINES or len(shown) > longest:
        # Both ends tell systems apart: the folder, and the file within it.
        lines = [shown[:_LONGEST_LINE].rstrip(), f"…{shown[1 - _LONGEST_LINE :].lstrip()}"]
    return "\n".join(lines)


def add_legend(figure: Figure, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """Put a legend above everything else that is drawn.

    Args:
        figure: Where.
        handles: What is explained.
        labels: What it is, user's text or ours.
    """
    shown = [plain(label) for label in labels]
    # A letter of 9 points is about 0.075 inches wide; 0.6 inches are the sample and its margins.
    widths = [0.6 + 0.075 * max(map(len, label.split("\n"))) for label in shown]
    width = figure.get_figwidth()
    columns = len(shown) if sum(widths) <= width else max(1, int(width / max(widths)))
    legend = figure.legend(
        handles,
        # Set below: a label that begins with "_" is left out of a legend.
        [" "] * len(shown),
        loc="outside upper left",
        ncols=columns,
        fontsize=9,
        frameon=False,
        handlelength=3,
    )
    for text, label in zip(legend.get_texts(), shown, strict=True):
        text.set_text(label)


def write_figure(
    folder: Path, name: str, draw: Draw, *, inches: Inches, listener: Listener
) -> None:
    """Draw a figure and write it as SVG and PNG.

    Args:
        folder: Where; it is made if need be.
        name: Of both files, without suffix.
        draw: Draws on an empty figure.
        inches: The figure's size.
        listener: Is told of both files.

    Raises:
        VsdkitError: If a file cannot be written.
    """
    for kind in ("svg", "png"):
        path = folder / f"{name}.{kind}"
        write_bytes(path, _render(draw, inches, kind))
        listener.message(f"wrote {path}")


def write_png(path: Path, draw: Draw, *, inches: Inches) -> None:
    """Draw a figure and write it as PNG alone.

    Raises:
        VsdkitError: If the file cannot be written.
    """
    write_bytes(path, _render(draw, inches, "png"))


def _render(draw: Draw, inches: Inches, kind: str) -> bytes:
    # A Figure without pyplot: no window, no list of open figures; matplotlib's own defaults, so
    # that a matplotlibrc on this machine changes nothing.
    with style.context(["default", _SETTINGS]), warnings.catch_warnings():
        # Of a letter that the font lacks a PNG shows a box, and the SVG has the letter itself.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        figure = Figure(figsize=inches, layout="constrained")
        draw(figure)
        content = BytesIO()
        # SVG writes the date unless it is told not to.
        metadata = {"Date": None} if kind == "svg" else None
        figure.savefig(content, format=kind, dpi=_DPI, metadata=metadata)
    return content.getvalue()
