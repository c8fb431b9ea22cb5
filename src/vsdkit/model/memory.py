"""How much memory is free for answering, and how much an image in a batch takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import torch

if TYPE_CHECKING:
    from vsdkit.model.checkpoint import Loaded

_Result = TypeVar("_Result")

__all__ = ["bytes_a_token", "free_bytes", "is_out_of_memory", "try_in_memory"]


def is_out_of_memory(error: Exception) -> bool:
    """Say whether an error tells that a device's memory is used up, the CPU's included."""
    # Not above: it takes seconds to import.
    from accelerate.utils.memory import should_reduce_batch_size

    return isinstance(error, torch.OutOfMemoryError) or bool(should_reduce_batch_size(error))


def try_in_memory(work: Callable[[], _Result]) -> _Result | None:
    """Return what a piece of work returns; None where the memory does not hold it.

    What did not fit is given back then, so that a smaller piece may be tried.

    Args:
        work: Called once; it never returns None. Its other errors are raised as they are.
    """
    try:
        return work()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    # Not in the handler: an error that is being handled keeps the tensors of every frame it came
    # through.
    from accelerate.utils.memory import clear_device_cache

    clear_device_cache(garbage_collection=True)
    return None


def free_bytes(loaded: Loaded) -> int:
    """Return the bytes that are free where the model is, on all its GPUs together."""
    devices = {weight.device for weight in loaded.model.parameters()}
    gpus = [device for device in devices if device.type == "cuda"]
    if not gpus:
        import psutil

        return int(psutil.virtual_memory().available)
    # What torch holds and does not use is free for this process, too.
    return sum(
        torch.cuda.mem_get_info(gpu)[0]
        + torch.cuda.memory_reserved(gpu)
        - torch.cuda.memory_allocated(gpu)
        for gpu in gpus
    )


def bytes_a_token(loaded: Loaded) -> tuple[int, int]:
    """Return the bytes of a token that stay (keys and values), and those that one layer takes.

    At 13B in 16 bits: 819,200 that stay; 144,384 while the token goes through a layer.
    """
    config = loaded.model.config.get_text_config()
    heads = config.num_attention_heads
    head = getattr(config, "head_dim", None) or config.hidden_size // heads
    kept = 2 * config.num_hidden_layers * (config.num_key_value_heads or heads) * head
    # Input, its norm, query, key, value, output; gate, up and their product.
    passing = 6 * config.hidden_size + 3 * config.intermediate_size
    size = torch.finfo(loaded.precision.dtype).bits // 8
    return size * int(kept), size * int(passing)
