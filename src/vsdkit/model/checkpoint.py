"""Base models and adapters on disk -> a model that runs, its tokenizer, its way with pictures."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsdkit.errors import CheckpointError
from vsdkit.model.bases import check_base, resolve_base
from vsdkit.model.images import ImagePreparer
from vsdkit.model.lora import without_peft_noise
from vsdkit.model.prompt_ids import IMAGE_TOKEN
from vsdkit.model.run_folder import ADAPTER_CONFIG, ADAPTER_WEIGHTS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from vsdkit.model.precision import Precision

__all__ = ["Loaded", "load_adapter", "load_base"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model and everything its prompts need."""

    model: Any
    """``LlavaNextForConditionalGeneration``, or the ``PeftModel`` around it."""
    tokenizer: PreTrainedTokenizerBase
    pictures: ImagePreparer
    base: str
    """Name the base was asked for by."""
    image_mode: str
    precision: Precision


def load_base(
    base: str, *, image_mode: str, precision: Precision, training: bool = False
) -> Loaded:
    """Return a base model with its tokenizer and pictures.

    Args:
        base: ``tiny``, a local folder, or a hub id.
        image_mode: ``single`` or ``anyres``; the model's image grid is set accordingly.
        precision: From ``choose_precision``.
        training: Leaves the placing to the trainer (DeepSpeed's ``zero.Init`` included) and the
            model in training mode; otherwise the model is put on ``precision.device``, in
            evaluation mode.

    Raises:
        CheckpointError: If the base is unknown, not a LLaVA-NeXT model, incomplete or damaged.
        ConfigError: If the image mode is unknown.
    """
    config = check_base(base, image_mode=image_mode)
    source = resolve_base(base)
    pictures = ImagePreparer.from_checkpoint(source, config, image_mode=image_mode)
    config.image_grid_pinpoints = pictures.model_grid()
    tokenizer = _load_tokenizer(source)
    placing = {} if training or precision.device == "cpu" else {"device_map": precision.device}
    model = _load_model(source, config=config, precision=precision, **placing)
    model.train(training)
    return Loaded(model, tokenizer, pictures, base, image_mode, precision)


def load_adapter(loaded: Loaded, folder: Path) -> Loaded:
    """Return the model with a LoRA adapter on it, for inference.

    Args:
        loaded: The base the adapter was trained on; its model is changed in place.
        folder: Holds ``adapter_config.json`` and ``adapter_model.safetensors``.

    Raises:
        CheckpointError: If a file is missing or damaged, a weight does not fit, or one is left
            over or lacking.
    """
    from peft import PeftModel, get_peft_model_state_dict

    stored = _adapter_keys(folder)
    try:
        with without_peft_noise():
            # Told below as an error, with the names of what is left over too.
            warnings.filterwarnings("ignore", message="Found missing adapter keys")
            model = PeftModel.from_pretrained(loaded.model, str(folder), is_trainable=False)
    except (RuntimeError, ValueError, KeyError, TypeError, OSError) as error:
        raise CheckpointError(
            f"the adapter does not fit the base model {loaded.base}: {str(error).splitlines()[0]}",
            where=str(folder),
            hint="load it on the base it was trained on: run.json beside it names that base",
        ) from error
    consumed = set(get_peft_model_state_dict(model))
    if stored != consumed:
        left, lacking = sorted(stored - consumed), sorted(consumed - stored)
        raise CheckpointError(
            f"the adapter does not fit the base model {loaded.base}: "
            f"{len(left)} of its weights have no place, "
            f"{len(lacking)} places got no weight (first: {(left + lacking)[0]})",
            where=str(folder),
            hint="load it on the base it was trained on: run.json beside it names that base",
        )
    model.eval()
    return replace(loaded, model=model)


def _load_tokenizer(source: str) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            source, use_fast=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"the tokenizer of {source} cannot be read: {str(error).splitlines()[0]}",
            where=source,
            hint="fetch the base model again, tokenizer.json included",
        ) from error
    ids = tokenizer.encode(IMAGE_TOKEN, add_special_tokens=False)
    if not tokenizer.is_fast or tokenizer.convert_tokens_to_ids(IMAGE_TOKEN) not in ids:
        raise CheckpointError(
            f"the tokenizer of {source} is not a fast one that knows {IMAGE_TOKEN} as one token",
            where=source,
            hint="use a base in the Hugging Face form, with tokenizer.json",
        )
    return tokenizer


def _load_model(source: str, *, config: Any, precision: Precision, **placing: Any) -> Any:
    from safetensors import SafetensorError
    from transformers import LlavaNextForConditionalGeneration

    try:
        model, report = LlavaNextForConditionalGeneration.from_pretrained(
            source,
            config=config,
            dtype=precision.dtype,
            attn_implementation=precision.attention,
            use_safetensors=True,
            output_loading_info=True,
            **placing,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(
            f"the weights of {source} cannot be loaded: {str(error).splitlines()[0]}",
            where=source,
            hint="fetch the base model again: a file may be cut off",
        ) from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise CheckpointError(
            f"the checkpoint lacks {len(missing)} weights of the model (first: {missing[0]})",
            where=source,
            hint="fetch the base model again: a file may be missing",
        )
    return model


def _adapter_keys(folder: Path) -> set[str]:
    """Return the names of an adapter's weights, from the file's header alone."""
    from safetensors import SafetensorError, safe_open

    for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS):
        if not (folder / name).is_file():
            raise CheckpointError(
                f"no adapter here: {name} is missing",
                where=str(folder),
                hint="name the folder `vsdkit finetune` wrote; pickled adapters are never loaded",
            )
    try:
        with safe_open(folder / ADAPTER_WEIGHTS, framework="pt") as file:
            return set(file.keys())
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"the adapter's weights are damaged or cut off: {error}",
            where=str(folder / ADAPTER_WEIGHTS),
            hint="copy the file again, or train again: vsdkit finetune",
        ) from error
