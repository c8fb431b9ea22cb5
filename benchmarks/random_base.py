"""A base of a given shape with random weights and LoRA: what benchmarks run at real proportions."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForImageTextToText

from vsdkit.model.bases import TINY_BASE, check_base, family_of, source_to_plan
from vsdkit.model.families import ImagePreparer
from vsdkit.model.lora import with_lora
from vsdkit.settings.defaults import BASE

__all__ = ["SHAPES", "make_random_base"]

SHAPES = ("tiny", "small", "13b")
"""The packaged base; 13B's proportions in 4 layers of 512; all of it."""
_LORA_RANK = 128


def make_random_base(shape: str, image_mode: str, device: str) -> tuple[Any, Any, ImagePreparer]:
    """Return configuration, model and image preparer.

    Args:
        shape: One of ``SHAPES``.
        image_mode: ``single`` or ``anyres``.
        device: ``cpu`` in float32, or ``cuda`` in bfloat16.
    """
    tiny = shape == "tiny"
    base = TINY_BASE if tiny else BASE
    config = check_base(base, image_mode=image_mode, only_plans=True)
    if shape == "small":
        # 13B's proportions: heads of 128, 2.7 times as wide inside.
        heads = {"num_attention_heads": 4, "num_hidden_layers": 4}
        text = heads | {"hidden_size": 512, "intermediate_size": 1382, "num_key_value_heads": 4}
        config.text_config.update(text)
        config.vision_config.update(heads | {"hidden_size": 128, "intermediate_size": 512})
    family = family_of(config)
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16 if device == "cuda" else torch.float32)
    with torch.device(device):
        model = AutoModelForImageTextToText.from_config(config, attn_implementation="sdpa")
        rank = 16 if tiny else _LORA_RANK
        model = with_lora(
            model, family, rank=rank, alpha=2 * rank, dropout=0.0, train_projector=False
        )
    torch.set_default_dtype(torch.float32)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                # At transformers' 0.02 for all, gradients become so small that CPUs compute slowly.
                weight.normal_(std=weight.shape[1] ** -0.5)
    preparer = family.load_preparer(source_to_plan(base), config, image_mode=image_mode)
    return config, model, preparer
