"""A last loss that is none; the rest of what a run leaves is looked at in test_run.py."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from vsdkit.data.jsonl import append_rows
from vsdkit.finetune.finish import finish
from vsdkit.finetune.job import Job
from vsdkit.manifest import Manifest, read_manifest
from vsdkit.model.precision import choose_precision
from vsdkit.settings.finetune import FinetuneSettings


@pytest.mark.parametrize(
    ("losses", "last"), [([2.5, math.nan, 1.5, math.inf], 1.5), ([math.inf], None)]
)
def test_run_completes_whose_last_loss_is_not_finite(
    settings: FinetuneSettings,
    make_job: Callable[..., Job],
    tmp_path: Path,
    losses: list[float],
    last: float | None,
) -> None:
    with append_rows(tmp_path / "metrics.jsonl") as append:
        append(
            {"step": step, "loss": loss, "learning_rate": 1e-3, "seconds": 0.5}
            for step, loss in enumerate(losses, start=1)
        )
    (tmp_path / "adapter_config.json").touch()
    layer = "base_model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight"
    save_file({layer: torch.ones(1)}, tmp_path / "adapter_model.safetensors")
    job = make_job(settings, tmp_path)
    manifest = Manifest("finetune", settings=job.settings, origins={}, packages=("torch",))
    finish(job, manifest=manifest, precision=choose_precision("cpu"))
    record = read_manifest(tmp_path / "run.json")
    assert (record["complete"], record["last_loss"]) == (True, last)
    assert "language model (q_proj)" in record["summary"]
    assert ("The loss of the last step was" in record["summary"]) == (last is not None)
    assert record["summary"] in (tmp_path / "README.md").read_text()
    with Image.open(tmp_path / "loss.png") as curve:
        assert curve.size == (960, 660)
