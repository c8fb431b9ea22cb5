"""What a training process refuses before its first step, and the files it leaves."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from vsdkit.data.jsonl import read_rows
from vsdkit.errors import CheckpointError, VsdkitError
from vsdkit.finetune import finetune
from vsdkit.finetune.plan import Plan, make_plan
from vsdkit.finetune.train import add_lora
from vsdkit.finetune.trainer import save_adapter
from vsdkit.model.bases import check_base
from vsdkit.model.checkpoint import Loaded, load_adapter, load_base
from vsdkit.model.precision import choose_precision
from vsdkit.settings.finetune import FinetuneSettings

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing")


def _load() -> Loaded:
    return load_base("tiny", image_mode="single", precision=choose_precision("cpu"))


def _plan(settings: FinetuneSettings) -> Plan:
    return make_plan(settings, rows=20, pictures=8, visible_gpus=0, config=check_base("tiny"))


def test_another_number_of_modules_than_planned_is_refused(settings: FinetuneSettings) -> None:
    plan = _plan(settings)
    with pytest.raises(
        CheckpointError, match=r"LoRA got 21 modules and .* expected 20 and"
    ) as caught:
        add_lora(_load(), settings, replace(plan, lora_modules=20))
    assert caught.value.where == "base model tiny"


def test_adapter_names_its_base_and_not_the_folder_it_was_read_from(
    settings: FinetuneSettings, tmp_path: Path
) -> None:
    hub = settings.model_copy(update={"base": "owner/llava"})
    model = add_lora(_load(), hub, _plan(settings))
    save_adapter(model, tmp_path, sharded=False)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "owner/llava"


def test_a_projector_that_trains_is_saved_and_loaded(
    settings: FinetuneSettings, tmp_path: Path
) -> None:
    both = settings.model_copy(update={"train_projector": True})
    plan = _plan(both)
    model = add_lora(_load(), both, plan)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.fill_(0.25)
    save_adapter(model, tmp_path, sharded=False)

    stored = load_file(tmp_path / "adapter_model.safetensors")
    assert sum(weight.numel() for weight in stored.values()) == plan.trainable_parameters
    assert plan.trainable_parameters > _plan(settings).trainable_parameters
    adapted = load_adapter(_load(), tmp_path).model
    held = dict(adapted.named_parameters())
    changed = [name for name, weight in held.items() if weight.eq(0.25).all()]
    assert len(changed) == len(stored)
    assert any("multi_modal_projector" in name for name in changed)


def _worker_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let the training processes run some code before they train."""
    head = "import vsdkit.finetune.train as training\nfrom vsdkit.finetune import worker\n"
    (tmp_path / "altered_worker.py").write_text(f"{head}{code}\nworker.main()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("vsdkit.finetune.machines._WORKER", "altered_worker")


_OVERFLOW = """
import math
from deepspeed.accelerator.cpu_accelerator import CPU_Accelerator
CPU_Accelerator.is_fp16_supported = lambda self: True
from vsdkit.model.precision import Precision
training.choose_precision = lambda *_: Precision("cpu", {dtype!r}, "sdpa", "for a test")
compute = training.AdapterTrainer.compute_loss
def overflow(self, *args, **kwargs):
    loss = compute(self, *args, **kwargs)
    # Of the first process alone: the other learns of it from DeepSpeed and the gathered loss.
    bad = self.state.global_step + 1 in {steps} and self.args.process_index == 0
    return loss * math.inf if bad else loss
training.AdapterTrainer.compute_loss = overflow
"""


def _with_overflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, dtype: str, steps: Sequence[int]
) -> None:
    """Let the processes train in ``dtype`` on the CPU, and overflow at some steps."""
    code = _OVERFLOW.format(dtype=dtype, steps=list(steps))
    _worker_after(tmp_path, monkeypatch, code)


@pytest.fixture(autouse=True)
def runs_are_forked(forked: None) -> None:
    pass


def _metrics(settings: FinetuneSettings) -> list[dict[str, Any]]:
    return [row for _, row in read_rows(settings.runs / "run" / "metrics.jsonl")]


@pytest.mark.slow
def test_skipped_step_is_told_and_the_run_goes_on_to_its_end(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The second, at which the checkpoint is written, and the last.
    _with_overflow(tmp_path, monkeypatch, dtype="float16", steps=[2, 6])
    report = finetune(settings.model_copy(update={"gpus": 2}))
    rows = _metrics(settings)
    assert [row["skipped"] for row in rows] == [step in (2, 6) for step in range(1, 7)]
    assert [row["loss"] is None for row in rows] == [row["skipped"] for row in rows]
    # DeepSpeed halves at the second overflow: hysteresis 2.
    assert [row["loss_scale"] for row in rows] == [2.0**16] * 5 + [2.0**15]
    assert report.last_loss == rows[4]["loss"]
    assert rows[4]["loss"] < rows[0]["loss"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "steps", "message", "written"),
    [
        ("float16", range(2, 20), "10 steps in a row were skipped, the last is 11", 11),
        ("float32", [3], "the loss is not a number at step 3", 3),
    ],
)
def test_run_stops_that_learns_no_more(
    settings: FinetuneSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dtype: str,
    steps: Sequence[int],
    message: str,
    written: int,
) -> None:
    _with_overflow(tmp_path, monkeypatch, dtype=dtype, steps=steps)
    with pytest.raises(VsdkitError, match=message) as raised:
        finetune(settings.model_copy(update={"max_steps": 20}))
    assert len(_metrics(settings)) == written
    if dtype == "float32":
        # The last step of an epoch: four rows are left for it.
        assert raised.value.where.count("id 'row-") == 4
        assert "goes on from the last checkpoint, step 2" in raised.value.hint


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "stage"), [("float16", 2), ("bfloat16", 3)])
def test_accumulated_in_16_bits_is_near_one_batch_in_32(
    settings: FinetuneSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dtype: str,
    stage: int,
) -> None:
    losses = []
    for name, per_device in (("float32", 8), (dtype, 1)):
        _with_overflow(tmp_path, monkeypatch, dtype=name, steps=[])
        changed = {"per_device_batch_size": per_device, "zero_stage": stage, "overwrite": True}
        finetune(settings.model_copy(update=changed))
        losses.append([row["loss"] for row in _metrics(settings)])
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    assert losses[1] != losses[0]


_WATCHED = """
from pathlib import Path
{change}
set_up = training.AdapterTrainer.set_up
def watch(self, plan, settings, loaded, batches):
    set_up(self, plan, settings, loaded, batches)
    def note(module, inputs, output):
        with Path({noted!r}).open("a") as file:
            file.write(str(output.last_hidden_state.requires_grad) + " ")
    loaded.model.get_encoder("image").register_forward_hook(note)
training.AdapterTrainer.set_up = watch
"""
_HOOKS_KEPT = "training.FrozenInputs.on_train_begin = lambda *_, **__: None"


@pytest.mark.slow
@pytest.mark.parametrize("stage", [2, 3])
def test_vision_tower_is_out_of_the_backward_pass_and_nothing_else_changes(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: int
) -> None:
    metrics = []
    changed = {"gradient_checkpointing": True, "zero_stage": stage, "overwrite": True}
    for change, in_graph in ((_HOOKS_KEPT, "True"), ("", "False")):
        noted = tmp_path / f"noted{in_graph}"
        _worker_after(tmp_path, monkeypatch, _WATCHED.format(change=change, noted=str(noted)))
        finetune(settings.model_copy(update=changed))
        assert set(noted.read_text().split()) == {in_graph}
        metrics.append(_metrics(settings))
    for name in ("loss", "gradient_norm"):
        kept, removed = ([row[name] for row in rows] for rows in metrics)
        assert len(removed) == 6
        assert removed == pytest.approx(kept, abs=1e-6)


_ALL_CUT_UP = """
plain = training.deepspeed_config
def cut_up(plan, **facts):
    config = plain(plan, **facts)
    # The tiny base has no weight above DeepSpeed's own threshold: all would stay whole.
    config["zero_optimization"]["stage3_param_persistence_threshold"] = 0
    return config
training.deepspeed_config = cut_up
"""


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None,
    reason="bitsandbytes is not installed: pip install 'vsdkit[quant]'",
)
@pytest.mark.parametrize("load_in", ["4bit", "8bit"])
def test_quantised_base_trains_whole_and_cut_up(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load_in: str
) -> None:
    _worker_after(tmp_path, monkeypatch, _ALL_CUT_UP)
    losses = []
    for stage in (2, 3):
        changed = {"load_in": load_in, "zero_stage": stage, "gpus": 2, "overwrite": True}
        changed |= {"train_projector": True, "gradient_checkpointing": True}
        finetune(settings.model_copy(update=changed))
        losses.append([row["loss"] for row in _metrics(settings)])
    whole, cut_up = losses
    assert cut_up == pytest.approx(whole, abs=1e-5)
    assert whole[-1] < whole[0] - 1
