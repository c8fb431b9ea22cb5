"""Put LoRA on a model, and count what it trains."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.errors import CheckpointError
from vsdkit.model.bases import family_of

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from vsdkit.model.families import Family

__all__ = [
    "Trainable",
    "adapter_shapes",
    "count_trainable",
    "count_trained",
    "with_lora",
    "without_peft_noise",
]

_OTHER_NAMES = "this base names its layers otherwise: use one in the Hugging Face form"


class Trainable(NamedTuple):
    """What trains."""

    lora_modules: int
    """Layers with a LoRA adapter."""
    parameters: int
    """Numbers that a step changes, those of the projector included."""


@contextmanager
def without_peft_noise() -> Iterator[None]:
    """Keep back the warning that PEFT 0.21 causes in transformers 5.23: it tells a user nothing."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message=".*is_gradient_checkpointing", category=FutureWarning
        )
        yield


def with_lora(
    model: Any, family: Family, *, rank: int, alpha: int, dropout: float, train_projector: bool
) -> Any:
    """Return a model with LoRA on the decoder's projections; everything else is frozen.

    Args:
        model: A base model; it is changed in place.
        family: The model's; it says where LoRA goes.
        rank: Rank of every pair of LoRA weights, at least 1.
        alpha: LoRA's output is scaled by ``alpha / rank``.
        dropout: Share of LoRA's inputs that is left out in training.
        train_projector: Whether the projector trains too, as a whole.

    Raises:
        CheckpointError: If the family's pattern hits nothing, or a layer outside the decoder.
    """
    from peft import LoraConfig, get_peft_model
    from peft.tuners.lora import LoraLayer

    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        bias="none",
        target_modules=family.lora_targets,
        modules_to_save=[family.projector] if train_projector else None,
        task_type="CAUSAL_LM",
    )
    where = f"a base of type {model.config.model_type!r}"
    decoder = model.get_decoder()
    try:
        # All weights of one type: ZeRO-3 refuses a mixture, and its optimizer keeps 32-bit copies.
        adapted = get_peft_model(model, config, autocast_adapter_dtype=False)
    except ValueError as error:
        raise CheckpointError(
            f"LoRA finds no place: {str(error).splitlines()[0]}", where=where, hint=_OTHER_NAMES
        ) from error
    inside = set(decoder.modules())
    outside = [
        name
        for name, module in adapted.named_modules()
        if isinstance(module, LoraLayer) and module not in inside
    ]
    if outside:
        raise CheckpointError(
            f"LoRA got {len(outside)} modules outside the language model (first: {outside[0]})",
            where=where,
            hint=_OTHER_NAMES,
        )
    return adapted


def count_trained(model: Any) -> Trainable:
    """Return what trains in a model that ``with_lora`` returned."""
    from peft.tuners.lora import LoraLayer

    modules = sum(isinstance(module, LoraLayer) for module in model.modules())
    # Under ZeRO-3 a weight is an empty tensor between its uses, its parts lie on all processes;
    # DeepSpeed keeps the size of the whole in ds_numel.
    parameters = sum(
        getattr(weight, "ds_numel", weight.numel())
        for weight in model.parameters()
        if weight.requires_grad
    )
    return Trainable(modules, parameters)


def count_trainable(config: PretrainedConfig, *, rank: int, train_projector: bool) -> Trainable:
    """Return what will train on a base, without its weights.

    Args:
        config: The base's, from ``check_base``.
        rank: Rank of the LoRA weights.
        train_projector: Whether the projector trains too.

    Returns:
        280 modules and 500,695,040 parameters for LLaVA-1.6-Vicuna-13B at rank 128; with the
        projector 532,162,560.

    Raises:
        CheckpointError: If LoRA does not fit the base.
    """
    return count_trained(_without_weights(config, rank=rank, train_projector=train_projector))


def adapter_shapes(
    config: PretrainedConfig, *, rank: int, train_projector: bool
) -> dict[str, tuple[int, ...]]:
    """Return the tensors of an adapter file, by the names they have there, with their shapes.

    Args:
        config: The base's, from ``check_base``.
        rank: Rank of the LoRA weights.
        train_projector: Whether the projector trains too.

    Raises:
        CheckpointError: If LoRA does not fit the base.
    """
    from peft import get_peft_model_state_dict

    model = _without_weights(config, rank=rank, train_projector=train_projector)
    weights = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: tuple(weight.shape) for name, weight in weights.items()}


def _without_weights(config: PretrainedConfig, *, rank: int, train_projector: bool) -> Any:
    """Return a model with LoRA on torch's meta device, where tensors have shapes and no content.

    13 billion parameters take half a second and no memory.
    """
    import torch
    from transformers import AutoModelForImageTextToText

    with torch.device("meta"), without_peft_noise():
        model = AutoModelForImageTextToText.from_config(config, trust_remote_code=False)
        return with_lora(
            model,
            family_of(config),
            rank=rank,
            alpha=rank,
            dropout=0.0,
            train_projector=train_projector,
        )
