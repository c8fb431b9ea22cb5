"""The loss curve; the rest of what a run leaves is looked at in test_run.py."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsdkit.conversation import load_conversation, load_template
from vsdkit.data.jsonl import append_rows
from vsdkit.finetune.finish import _smooth, finish, plot_losses
from vsdkit.finetune.job import Job
from vsdkit.manifest import Manifest, read_manifest
from vsdkit.model.precision import choose_precision
from vsdkit.settings.finetune import FinetuneSettings


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


def test_running_mean_leaves_out_what_is_not_finite() -> None:
    with_gap = _smooth([4.0, math.nan, math.inf, 2.0])
    assert np.isnan(with_gap).tolist() == [False, True, True, False]
    assert with_gap[3] == pytest.approx(_smooth([4.0, 2.0])[1])


@pytest.mark.parametrize(
    ("losses", "last"), [([2.5, math.nan, 1.5, math.inf], 1.5), ([math.inf], None)]
)
def test_run_completes_whose_last_loss_is_not_finite(
    settings: FinetuneSettings, tmp_path: Path, losses: list[float], last: float | None
) -> None:
    with append_rows(tmp_path / "metrics.jsonl") as append:
        append(
            {"step": step, "loss": loss, "learning_rate": 1e-3, "seconds": 0.5}
            for step, loss in enumerate(losses, start=1)
        )
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (tmp_path / name).touch()
    job = Job(
        folder=str(tmp_path),
        settings=settings.model_dump(mode="json"),
        plan={"device": "cpu", "steps": len(losses)},
        identity={},
        rows=[],
        left_out_rows=[],
        images={},
        template=load_template("paper").text,
        conversation=load_conversation("vicuna_v1").text,
        checkpoint=None,
        origins={},
        argv=[],
        parent=1,
        host="here",
        start="1",
        port=None,
        environment={},
    )
    manifest = Manifest("finetune", settings=job.settings, origins={}, packages=("torch",))
    finish(job, manifest=manifest, precision=choose_precision("cpu"))
    record = read_manifest(tmp_path / "run.json")
    assert (record["complete"], record["last_loss"]) == (True, last)
    with Image.open(tmp_path / "loss.png") as curve:
        assert curve.size == (960, 540)
