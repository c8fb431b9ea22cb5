"""The parts of the overall: stacked as they are added, whatever is missing or below zero."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from vsdkit.metrics import overall
from vsdkit.metrics.published import LLAVA_VSD
from vsdkit.plots.parts import _PAPER, Parts, _draw, plot_parts
from vsdkit.progress import SILENT

SYSTEM = Parts("ours", 50.0, 60.0, 40.0, 48.0, (47.0, 49.5))


def _drawn(*rows: Parts, reading: str = "paper") -> Figure:
    figure = Figure()
    _draw(figure, rows, reading)
    return figure


def _bars(figure: Figure) -> list[list[tuple[float, float]]]:
    """Return of each row where its three parts begin and how long they are."""
    groups = [group for group in figure.axes[0].containers if hasattr(group, "patches")]
    bars = [
        [(round(bar.get_x(), 6), round(bar.get_width(), 6)) for bar in group] for group in groups
    ]
    return [list(row) for row in zip(*bars, strict=True)]


def test_the_parts_end_where_the_overall_is() -> None:
    ours, paper = _bars(_drawn(SYSTEM, _PAPER))
    assert ours == [(0, 10), (10, 18), (28, 20)]
    assert sum(length for _, length in paper) == pytest.approx(LLAVA_VSD.overall, abs=1e-4)


def test_a_part_below_zero_lies_left_of_zero_and_the_overall_where_it_is() -> None:
    total = overall(20, 30, -20)
    figure = _drawn(Parts("a", 20, 30, -20, total), _PAPER)
    assert _bars(figure)[0] == [(0, 4), (4, 9), (0, -10)]
    marks = [line for line in figure.axes[0].get_lines() if line.get_marker() == "D"]
    assert marks[0].get_xdata()[0] == pytest.approx(total) == pytest.approx(3)


def test_what_could_not_be_measured_is_told() -> None:
    figure = _drawn(Parts("a", 50.0, None, None, None), _PAPER)
    assert _bars(figure)[0] == [(0, 10), (10, 0), (10, 0)]
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "overall: n/a" in texts
    assert f"{LLAVA_VSD.overall:.2f}" in texts


def test_the_papers_row_says_that_it_is_of_another_split() -> None:
    axes = _drawn(SYSTEM, _PAPER, reading="coco").axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["ours", "LLaVA-VSD, as printed: test split"]
    assert "reading: coco" in axes.get_xlabel()
    assert "LLaVA-VSD's are of the test split" in axes.get_xlabel()


def test_an_interval_is_explained_where_there_is_one() -> None:
    with_one, without = _drawn(SYSTEM, _PAPER), _drawn(SYSTEM._replace(interval=None), _PAPER)
    assert with_one.legends[0].get_texts()[-1].get_text() == "overall, 95 % interval"
    assert without.legends[0].get_texts()[-1].get_text() == "overall"


@pytest.mark.parametrize("count", [1, 6])
def test_both_files_are_written_for_names_of_any_length(tmp_path: Path, count: int) -> None:
    systems = [SYSTEM._replace(name=f"{number}$\\bad" * 60) for number in range(count)]
    plot_parts(tmp_path, systems, listener=SILENT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["overall.png", "overall.svg"]
