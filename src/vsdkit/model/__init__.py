"""The models: base checkpoints and adapters, precision, pictures, prompt ids.

Names are loaded on first use, so that choosing a base or finding the packaged one needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vsdkit.model.bases import DEFAULT_BASE, TINY_BASE, check_base, tiny_base_path
    from vsdkit.model.checkpoint import Loaded, load_adapter, load_base
    from vsdkit.model.images import ImagePreparer, PreparedImage, collate_images
    from vsdkit.model.lora import LORA_TARGETS, LoraCount, count_lora, without_peft_noise
    from vsdkit.model.precision import Gpu, Precision, choose_precision, decide_precision
    from vsdkit.model.prompt_ids import Encoded, encode

__all__ = [
    "DEFAULT_BASE",
    "LORA_TARGETS",
    "TINY_BASE",
    "Encoded",
    "Gpu",
    "ImagePreparer",
    "Loaded",
    "LoraCount",
    "Precision",
    "PreparedImage",
    "check_base",
    "choose_precision",
    "collate_images",
    "count_lora",
    "decide_precision",
    "encode",
    "load_adapter",
    "load_base",
    "tiny_base_path",
    "without_peft_noise",
]

_HOMES = {
    "DEFAULT_BASE": "bases",
    "LORA_TARGETS": "lora",
    "TINY_BASE": "bases",
    "Gpu": "precision",
    "Encoded": "prompt_ids",
    "Loaded": "checkpoint",
    "LoraCount": "lora",
    "PreparedImage": "images",
    "ImagePreparer": "images",
    "Precision": "precision",
    "check_base": "bases",
    "choose_precision": "precision",
    "collate_images": "images",
    "count_lora": "lora",
    "decide_precision": "precision",
    "encode": "prompt_ids",
    "load_adapter": "checkpoint",
    "load_base": "checkpoint",
    "tiny_base_path": "bases",
    "without_peft_noise": "lora",
}


def __getattr__(name: str) -> Any:
    """Return a public name from the module that holds it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
