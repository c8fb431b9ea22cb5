"""Loss and learning rate: lines, gaps, crosses."""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from vsdkit.plots.curves import Run, _draw, _smooth, plot_curves, write_curves
from vsdkit.progress import SILENT


def _run(
    steps: int, *, name: str = "a", absent: Collection[int] = (), skipped: Collection[int] = ()
) -> Run:
    return Run(
        name,
        [
            {
                "step": step,
                "loss": None if step in absent else 7 / (step + 1),
                "learning_rate": 1e-3 / step,
                **({"skipped": step in skipped} if skipped else {}),
            }
            for step in range(1, steps + 1)
        ],
    )


def _lines(*runs: Run) -> tuple[list[Any], list[Any], list[str]]:
    """Return the lines of both panels, and what the legend says."""
    figure = Figure()
    _draw(figure, runs)
    losses, rates = figure.axes
    return (
        list(losses.get_lines()),
        list(rates.get_lines()),
        [text.get_text() for text in figure.legends[0].get_texts()],
    )


def test_running_mean_starts_at_the_first_value() -> None:
    assert _smooth([4.0, 4.0, 4.0]) == pytest.approx([4.0, 4.0, 4.0])
    # (0.9 x 4 + 2) / (0.9 + 1)
    assert _smooth([4.0, 2.0])[1] == pytest.approx(5.6 / 1.9)


def test_running_mean_leaves_out_what_is_not_finite() -> None:
    with_gap = _smooth([4.0, math.nan, math.inf, 2.0])
    assert np.isnan(with_gap).tolist() == [False, True, True, False]
    assert with_gap[3] == pytest.approx(_smooth([4.0, 2.0])[1])


def test_each_step_stands_beside_the_running_mean() -> None:
    run = _run(948)
    (raw, mean), (rate,), labels = _lines(run)
    assert raw.get_ydata().tolist() == run.losses
    assert mean.get_ydata().tolist() == _smooth(run.losses)
    assert rate.get_ydata().tolist() == [row["learning_rate"] for row in run.rows]
    assert labels == ["each step", "running mean"]
    assert raw.get_alpha() < 1


def test_steps_without_a_loss_and_skipped_ones_have_a_cross() -> None:
    (raw, _, crosses), _, labels = _lines(_run(9, absent={3}, skipped={5, 6}))
    assert np.isnan(raw.get_ydata()).nonzero()[0].tolist() == [2]
    assert crosses.get_xdata().tolist() == [3, 5, 6]
    assert labels[-1] == "skipped, or no finite loss"


def test_several_runs_have_a_line_each_and_their_names() -> None:
    runs = [_run(50, name=name) for name in ("_first", "$second$", "third")]
    lines, rates, labels = _lines(*runs)
    assert labels == ["_first", "$second$", "third", "thin: each step"]
    assert len(rates) == 3
    assert len({(line.get_color(), line.get_linestyle()) for line in lines[1:6:2]}) == 3
    places = [tuple(line.get_markevery()) for line in lines[1:6:2]]
    assert not set(places[0]) & set(places[1])


def test_a_single_step_is_seen_and_has_whole_steps_beside_it() -> None:
    figure = Figure()
    _draw(figure, [_run(1)])
    losses, rates = figure.axes
    assert all(line.get_marker() == "o" for line in (*losses.get_lines(), *rates.get_lines()))
    assert rates.get_xlim() == (0, 2)


@pytest.mark.parametrize("steps", [1, 2])
def test_a_run_without_any_finite_loss_says_so(steps: int) -> None:
    figure = Figure()
    _draw(figure, [_run(steps, absent={1, 2})])
    assert [text.get_text() for text in figure.axes[0].texts] == ["no finite loss"]


def test_a_loss_below_zero_is_not_cut_off() -> None:
    figure = Figure()
    _draw(figure, [Run("a", [{"step": 1, "loss": -2.0, "learning_rate": 0.0}])])
    assert figure.axes[0].get_ylim()[0] == -2


@pytest.mark.parametrize("steps", [1, 30])
def test_the_picture_has_something_in_it(tmp_path: Path, steps: int) -> None:
    write_curves(tmp_path / "loss.png", [_run(steps)])
    with Image.open(tmp_path / "loss.png") as image:
        picture = np.asarray(image.convert("RGB"))
    assert picture.shape == (660, 960, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20


def test_both_files_are_written(tmp_path: Path) -> None:
    plot_curves(tmp_path, [_run(3)], listener=SILENT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["loss.png", "loss.svg"]
