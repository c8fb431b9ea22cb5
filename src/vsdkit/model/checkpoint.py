"""Load a base model or adapter with tokenizer and image preprocessor."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsdkit.errors import CheckpointError
from vsdkit.model.base_files import base_commit, fetch_base
from vsdkit.model.bases import check_base, family_of
from vsdkit.model.lora import without_peft_noise
from vsdkit.model.quantisation import quantisation_config, refuse_unquantised
from vsdkit.model.run_folder import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from vsdkit.progress import SILENT, Listener

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

    from vsdkit.model.families import Family, ImagePreparer
    from vsdkit.model.precision import Precision
    from vsdkit.settings.defaults import LoadIn

__all__ = [
    "Loaded",
    "forget_generation_defaults",
    "load_adapter",
    "load_base",
    "load_tokenizer",
    "merge_adapter",
    "stored_shapes",
]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model and everything its prompts need."""

    model: Any
    """A model of transformers for images and text, or the ``PeftModel`` around it."""
    tokenizer: PreTrainedTokenizerBase
    """A fast one that knows the image token as one token."""
    preparer: ImagePreparer
    """For the image mode that the model was loaded for."""
    family: Family
    """What sets the base apart from others."""
    base: str
    """Name the base was asked for by."""
    precision: Precision
    """Device and number format."""

    @property
    def image_id(self) -> int:
        """Id of the token that stands for the image."""
        return int(self.model.config.image_token_id)

    @property
    def positions(self) -> int:
        """Most tokens the language model has positions for."""
        return int(self.model.config.get_text_config().max_position_embeddings)


def load_base(
    base: str,
    *,
    image_mode: str,
    precision: Precision,
    commit: str | None = None,
    training: bool = False,
    load_in: LoadIn | None = None,
    gpu: int | None = None,
    spread: bool = False,
    listener: Listener = SILENT,
) -> Loaded:
    """Return a base model with its tokenizer and image preparer.

    Args:
        base: ``tiny``, a local folder, or a hub id.
        image_mode: ``single`` or ``anyres``; the model is configured accordingly.
        precision: From ``choose_precision``.
        commit: From ``base_commit``; without it the newest.
        training: Leaves the placing to the trainer (DeepSpeed's ``zero.Init`` included) and the
            model in training mode; otherwise the model is put on ``precision.device``, in
            evaluation mode.
        load_in: ``4bit`` or ``8bit`` keeps the layers that LoRA goes on in so many bits.
        gpu: When training without ``zero.Init``: the GPU that the weights are read to, tensor by
            tensor. Else each process of a machine would hold them all in the machine's memory.
        spread: Lay the layers over all GPUs, and the machine's memory behind them.
        listener: Sees a hub's files being fetched.

    Raises:
        CheckpointError: If the base is unknown, of no known family, incomplete or damaged.
        ConfigError: If the image mode is unknown.
        MissingInputError: If fewer bits are asked for and bitsandbytes is not there.
    """
    commit = commit or base_commit(base)
    # Before the weights are fetched.
    config = check_base(base, image_mode=image_mode, commit=commit)
    source = str(fetch_base(base, commit=commit, listener=listener))
    family = family_of(config)
    preparer = family.load_preparer(source, config, image_mode=image_mode)
    tokenizer = load_tokenizer(source, config)
    device = gpu if training else (None if precision.device == "cpu" else precision.device)
    ways: dict[str, Any] = {"device_map": None if device is None else {"": device}}
    if spread:
        ways["device_map"] = "auto"
    if load_in is not None:
        # In training, too, they then come to the process's own GPU, where they are packed.
        ways["quantization_config"] = quantisation_config(
            load_in, family=family, precision=precision
        )
    model = _load_model(source, config=config, precision=precision, **ways)
    if load_in is not None:
        refuse_unquantised(model, family, where=source)
    model.train(training)
    if not training:
        forget_generation_defaults(model)
    return Loaded(model, tokenizer, preparer, family, base, precision)


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

    stored = set(stored_shapes(folder))
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
    # "auto" would look for the base where it was trained, and warn where that has moved.
    consumed = set(get_peft_model_state_dict(model, save_embedding_layers=False))
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


def merge_adapter(loaded: Loaded) -> Loaded:
    """Return the model with its adapter added to its weights, which answer without a detour then.

    Args:
        loaded: From ``load_adapter``, not in fewer bits: these would lose what is added.
    """
    with without_peft_noise():
        return replace(loaded, model=loaded.model.merge_and_unload().eval())


def forget_generation_defaults(model: Any) -> None:
    """Let what ``generate`` is given alone decide how a model answers.

    A checkpoint's ``generation_config.json`` may ask for sampling, or a repetition penalty (1.05 in
    that of Qwen2-7B-Instruct), which would change "greedy" answers too. Its stop tokens stay.
    """
    from transformers import GenerationConfig

    model.generation_config = GenerationConfig(eos_token_id=model.generation_config.eos_token_id)


def load_tokenizer(source: str, config: PretrainedConfig) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a base.

    Args:
        source: Folder or hub id.
        config: The base's; it names the image token.

    Raises:
        CheckpointError: If there is none, or it cannot give each id its characters, or the image
            token is not one token to it.
    """
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
    image_id = config.image_token_id
    # An added token is one token wherever it stands; a piece of the vocabulary need not be.
    if not tokenizer.is_fast or image_id not in tokenizer.get_added_vocab().values():
        raise CheckpointError(
            f"the tokenizer of {source} is not a fast one that knows the image token "
            f"(id {image_id}) as one token",
            where=source,
            hint="use a base in the Hugging Face form, with tokenizer.json",
        )
    return tokenizer


def _load_model(source: str, *, config: Any, precision: Precision, **ways: Any) -> Any:
    from safetensors import SafetensorError
    from transformers import AutoModelForImageTextToText

    try:
        model, report = AutoModelForImageTextToText.from_pretrained(
            source,
            config=config,
            trust_remote_code=False,
            dtype=precision.dtype,
            attn_implementation=precision.attention,
            use_safetensors=True,
            output_loading_info=True,
            **ways,
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


def stored_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return an adapter's tensors by name with their shapes, from the file's header alone.

    Raises:
        CheckpointError: If there is no adapter, or its file is damaged.
    """
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
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"the adapter's weights are damaged or cut off: {error}",
            where=str(folder / ADAPTER_WEIGHTS),
            hint="copy the file again, or train again: vsdkit finetune",
        ) from error
