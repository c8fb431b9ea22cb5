"""The paragraph on a run, word for word, and what of a machine must not stand in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from vsdkit.finetune.job import Job
from vsdkit.finetune.summary import FinishedRun, summarise
from vsdkit.settings.finetune import FinetuneSettings

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def run(settings: FinetuneSettings, make_job: Callable[..., Job], tmp_path: Path) -> FinishedRun:
    return FinishedRun(
        make_job(settings, tmp_path / "runs" / "mine"),
        precision="float32",
        gpu_names=(),
        versions={"vsdkit": "0.9", "torch": "2.10"},
        targets=("k_proj", "q_proj"),
        first_loss=2.0,
        last_loss=0.5,
        seconds=5400.0,
    )


def test_paragraph_on_a_run_on_the_cpu(run: FinishedRun) -> None:
    parameters = f"{run.job.plan['trainable_parameters']:,}"
    assert summarise(run) == (
        "tiny (files 000000000000) was fine-tuned with LoRA (rank 4, alpha 8, dropout 0) on 21 "
        f"layers of the language model (k_proj, q_proj): {parameters} trainable parameters. It was "
        "trained on 20 instruction rows about 8 images, each padded to one square tile, for 6 "
        "steps of 8 rows (2 passes over the rows), 1 of them of warm-up, with AdamW, learning rate "
        "0.005, schedule cosine, weight decay 0, no gradient clipping, seed 0. It ran in float32 "
        "with DeepSpeed ZeRO stage 2 on 1 CPU process(es) and took 1.5 hours. The loss of the last "
        "step was 0.5000. Software: vsdkit 0.9, torch 2.10."
    )


def test_what_differs_on_gpus_with_a_hub_base(run: FinishedRun) -> None:
    job = run.job
    settings = {
        "base": "llava-hf/llava-v1.6-vicuna-13b-hf",
        "image_mode": "anyres",
        "train_projector": True,
        "gradient_clipping": 1.0,
    }
    plan = {"processes": 8, "zero_stage": 3, "gradient_checkpointing": True, "steps": 3}
    changed = replace(
        job,
        settings=job.settings | settings,
        plan=job.plan | plan,
        identity=job.identity | {"base_commit": COMMIT},
    )
    gpus = ("Tesla V100-SXM2-32GB",) * 8
    told = summarise(replace(run, job=changed, gpu_names=gpus, last_loss=None, seconds=90.0))
    assert told.startswith(f"llava-hf/llava-v1.6-vicuna-13b-hf (commit {COMMIT}) was fine-tuned")
    assert ", and the projector: " in told
    assert "each cut into tiles of high resolution, for 3 steps" in told
    assert "(one pass over the rows)" in told
    assert "gradients clipped at 1, seed 0" in told
    assert "stage 3, gradient checkpointing on 8 x Tesla V100-SXM2-32GB and took 2 minutes" in told
    assert "loss" not in told


def test_no_folder_of_this_machine_is_told(run: FinishedRun, tmp_path: Path) -> None:
    (tmp_path / "bases" / "mine").mkdir(parents=True)
    settings = run.job.settings | {"base": str(tmp_path / "bases" / "mine")}
    told = replace(run, job=replace(run.job, settings=settings))
    assert summarise(told).startswith("mine (files 000000000000)")
    assert str(tmp_path) not in summarise(told)
    assert told.instructions == "instructions.jsonl"
    assert told.data_set is None


def test_seconds_are_told_as_a_person_says_them(run: FinishedRun) -> None:
    assert "took 59.4 seconds" in summarise(replace(run, seconds=59.4))
    assert "took 59 minutes" in summarise(replace(run, seconds=3540.0))
