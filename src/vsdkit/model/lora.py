"""Which layers LoRA trains, and how many that makes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from transformers import LlavaNextConfig

__all__ = ["LORA_TARGETS", "LoraCount", "count_lora", "without_peft_noise"]

LORA_TARGETS: Final = (
    r".*language_model\.(model\.)?layers\.\d+\.(self_attn\.(q|k|v|o)_proj|mlp\.(gate|up|down)_proj)"
)
"""Pattern for PEFT: the language model's projections only. Bare ``q_proj`` also hits CLIP."""


class LoraCount(NamedTuple):
    """How much a LoRA adapter trains."""

    modules: int
    parameters: int


@contextmanager
def without_peft_noise() -> Iterator[None]:
    """Keep back the warning that PEFT 0.21 causes in transformers 5.23: it tells a user nothing."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message=".*is_gradient_checkpointing", category=FutureWarning
        )
        yield


def count_lora(config: LlavaNextConfig, rank: int) -> LoraCount:
    """Return what LoRA of this rank trains on a model of this shape, counted by PEFT itself.

    No weights are read or made: the model is built on torch's meta device.

    Args:
        config: Shape of the model.
        rank: Rank of every adapter, at least 1.

    Returns:
        280 modules and 500,695,040 parameters for LLaVA-1.6-Vicuna-13B at rank 128.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from peft.tuners.lora import LoraLayer
    from transformers import LlavaNextForConditionalGeneration

    with torch.device("meta"), without_peft_noise():
        model = LlavaNextForConditionalGeneration(config)
        adapted = get_peft_model(model, LoraConfig(r=rank, target_modules=LORA_TARGETS))
    modules = sum(isinstance(module, LoraLayer) for module in adapted.modules())
    parameters = sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad)
    return LoraCount(modules, parameters)
