"""The loss curve; the rest of what a run leaves is looked at in test_run.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsdkit.finetune.finish import _smooth, plot_losses


def test_running_mean_starts_at_the_first_value() -> None:
    assert _smooth([4.0, 4.0, 4.0]) == pytest.approx([4.0, 4.0, 4.0])
    # (0.9 x 4 + 2) / (0.9 + 1)
    assert _smooth([4.0, 2.0])[1] == pytest.approx(5.6 / 1.9)


@pytest.mark.parametrize("steps", [1, 30])
def test_curve_is_a_picture_with_something_in_it(tmp_path: Path, steps: int) -> None:
    rows = [
        {"step": step, "loss": 7 / (step + 1), "learning_rate": 1e-3 * step}
        for step in range(steps)
    ]
    plot_losses(rows, tmp_path / "loss.png")
    picture = np.asarray(Image.open(tmp_path / "loss.png").convert("RGB"))
    assert picture.shape == (540, 960, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20
