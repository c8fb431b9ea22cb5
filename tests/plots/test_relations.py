"""F1 by relation: bars, intervals, relations that are not there."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from vsdkit.data.relations import RELATIONS
from vsdkit.plots.relations import Bar, SystemBars, _draw, plot_relations
from vsdkit.progress import SILENT

ROWS = {relation: 10 * number for number, relation in enumerate(RELATIONS)}


def _system(name: str, *, intervals: bool = True, **given: Bar) -> SystemBars:
    bars = {
        relation: Bar(10.0 * number, (10.0 * number - 2, 10.0 * number + 5) if intervals else None)
        for number, relation in enumerate(RELATIONS)
    }
    return SystemBars(name, bars | given)


def _drawn(*systems: SystemBars) -> Figure:
    figure = Figure()
    _draw(figure, systems, ROWS)
    return figure


@pytest.mark.parametrize("count", [1, 6])
def test_every_system_has_a_bar_a_relation_and_none_hides_another(count: int) -> None:
    (axes,) = _drawn(*(_system(f"system {number}") for number in range(count))).axes
    bars = [list(group) for group in axes.containers if len(group) == len(RELATIONS)]
    assert len(bars) == count
    for group in bars:
        heights = [bar.get_height() for bar in group]
        assert heights == [10.0 * number for number in range(len(RELATIONS))]
    edges = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for group in bars for bar in group)
    assert all(end <= start for (_, end), (start, _) in pairwise(edges))


def test_an_interval_stands_where_it_is_though_f1_lies_outside_of_it() -> None:
    figure = _drawn(_system("a", on=Bar(50.0, (51.0, 60.0))))
    (axes,) = figure.axes
    segments = [
        tuple(map(tuple, line.get_segments()[0]))
        for line in axes.collections
        if len(line.get_segments())
    ]
    ends = {tuple(round(float(point[1]), 6) for point in one) for one in segments}
    assert (51.0, 60.0) in ends
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "95 % interval"]


def test_without_resamples_there_are_bars_only() -> None:
    figure = _drawn(_system("a", intervals=False))
    assert not figure.axes[0].collections
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a"]


def test_a_relation_that_nobody_has_is_told_from_f1_of_zero() -> None:
    (axes,) = _drawn(_system("a", **{"on": Bar(None), "in": Bar(0.0)})).axes
    assert [(text.get_text(), text.get_position()[0]) for text in axes.texts] == [("n/a", 0.0)]


def test_the_rows_of_each_relation_are_told() -> None:
    (axes,) = _drawn(_system("a")).axes
    labels = [label.get_text().split("\n") for label in axes.get_xticklabels()]
    assert [" ".join(lines[:-1]) for lines in labels] == list(RELATIONS)
    assert [lines[-1] for lines in labels] == [f"n = {ROWS[relation]}" for relation in RELATIONS]


def test_more_systems_make_a_wider_plot(tmp_path: Path) -> None:
    widths = []
    for count in (1, 8):
        systems = [_system(f"system {number}") for number in range(count)]
        plot_relations(tmp_path, systems, rows=ROWS, listener=SILENT)
        with Image.open(tmp_path / "relation_f1.png") as image:
            widths.append(image.width)
    assert widths[0] < widths[1]
    assert (tmp_path / "relation_f1.svg").exists()
