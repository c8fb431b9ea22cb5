"""What a training process refuses before its first step, and the files it leaves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from vsdkit.errors import CheckpointError
from vsdkit.finetune.plan import Plan, make_plan
from vsdkit.finetune.train import add_lora, save_adapter
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
