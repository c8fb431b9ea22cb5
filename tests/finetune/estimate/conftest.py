"""A decoder with LoRA at small widths, and what the estimate is told of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from vsdkit.finetune.estimate import Shape, Task

HIDDEN, INTERMEDIATE, VOCABULARY, RANK = 256, 704, 512, 8
TARGETS = r".*layers\.\d+\.(self_attn\.(q|k|v|o)_proj|mlp\.(gate|up|down)_proj)"


def _make_model(layers: int, *, dtype: torch.dtype, dropout: float) -> Any:
    config = LlamaConfig(
        hidden_size=HIDDEN,
        intermediate_size=INTERMEDIATE,
        num_hidden_layers=layers,
        num_attention_heads=8,
        num_key_value_heads=8,
        vocab_size=VOCABULARY,
        attn_implementation="sdpa",
    )
    torch.manual_seed(0)
    lora = LoraConfig(r=RANK, lora_alpha=16, lora_dropout=dropout, target_modules=TARGETS)
    model = LlamaForCausalLM(config).to(dtype)
    return get_peft_model(model, lora, autocast_adapter_dtype=False).train()


def _make_task(model: Any, *, layers: int, dtype_bytes: int, dropout: float) -> Task:
    weights = list(model.parameters())
    trainable = sum(weight.numel() for weight in weights if weight.requires_grad)
    table = HIDDEN * VOCABULARY
    frozen = sum(weight.numel() for weight in weights) - trainable
    shape = Shape(
        layers=layers,
        hidden=HIDDEN,
        intermediate=INTERMEDIATE,
        vocabulary=VOCABULARY,
        parameters=frozen,
        in_layers=frozen - 2 * table,
        in_vision=0,
    )
    return Task(shape, trainable, dtype_bytes, has_dropout=dropout > 0, on_gpu=False)


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Any]:
    return _make_model


@pytest.fixture(scope="session")
def make_task() -> Callable[..., Task]:
    return _make_task
