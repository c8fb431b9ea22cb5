"""A base whose decoder is kept in 4 or 8 bits by bitsandbytes while LoRA trains on top (QLoRA)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from vsdkit.errors import CheckpointError, MissingInputError

if TYPE_CHECKING:
    from transformers import BitsAndBytesConfig

    from vsdkit.model.families import Family
    from vsdkit.model.precision import Precision
    from vsdkit.settings.defaults import LoadIn

__all__ = ["quantisation_config", "refuse_unquantised", "require_bitsandbytes"]


def require_bitsandbytes() -> None:
    """Raise if bitsandbytes is not there.

    Raises:
        MissingInputError: If it is not installed, or older than transformers takes.
    """
    from transformers.utils import is_bitsandbytes_available

    if not is_bitsandbytes_available():
        raise MissingInputError(
            "bitsandbytes, which keeps a base in 4 or 8 bits, is not installed or too old",
            where="--load-in",
            hint="pip install --upgrade 'vsdkit[quant]', or leave --load-in out",
        )


def quantisation_config(
    load_in: LoadIn, *, family: Family, precision: Precision
) -> BitsAndBytesConfig:
    """Return what transformers needs to load a base in fewer bits.

    Exactly the layers that LoRA goes on are quantised. Vision tower, projector, embeddings and the
    output layer keep the run's number format: they are small, and no adapter makes their rounding
    good.

    Nothing of PEFT's ``prepare_model_for_kbit_training`` is wanted here. It freezes, which
    ``with_lora`` does. It puts norms in float32, which DeepSpeed takes back as it puts the whole
    model in the run's format (Llama's norms compute in float32 by themselves), and with them all
    that is not quantised. It makes the embeddings ask for gradients, which only reentrant
    checkpointing needs.

    Args:
        load_in: ``4bit`` or ``8bit``.
        family: The base's.
        precision: Products are computed in its number format.

    Raises:
        MissingInputError: If bitsandbytes is not there.

    Source:
        Dettmers et al. 2023, "QLoRA": NF4 and double quantisation for 4 bits. Dettmers et al.
        2022, "LLM.int8()", for 8 bits, with its own threshold of 6 for outliers.
    """
    from transformers import BitsAndBytesConfig

    require_bitsandbytes()
    # Matched from a name's beginning: every name that is not, as a whole, one of LoRA's.
    others = rf"(?!(?:{family.lora_targets})$).*"
    return BitsAndBytesConfig(
        load_in_4bit=load_in == "4bit",
        load_in_8bit=load_in == "8bit",
        llm_int8_skip_modules=[others],
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=precision.dtype,
    )


def refuse_unquantised(model: Any, family: Family, *, where: str) -> None:
    """Raise if a model that was loaded in fewer bits has layers for LoRA that are not.

    Raises:
        CheckpointError: How many are not, and the first.
    """
    targets = {
        name: module
        for name, module in model.named_modules()
        if re.fullmatch(family.lora_targets, name)
    }
    # Packed weights are int8 or uint8.
    left = [name for name, module in targets.items() if module.weight.is_floating_point()]
    if left or not targets:
        raise CheckpointError(
            f"{len(left):,} of {len(targets):,} layers were not loaded in fewer bits"
            + (f" (first: {left[0]})" if left else ""),
            where=where,
            hint="leave --load-in out",
        )
