"""A LoRA folder of LLaVA's own trainer -> a run folder on the base in the Hugging Face form.

LLaVA's trainer leaves LoRA weights under its own names, what it trained besides (the projector) in
``non_lora_trainables.bin``, and nothing that says in which form questions were asked.

Source:
    haotian-liu/LLaVA ``llava/train/train.py`` (what is saved), ``llava/model/builder.py`` (how it
    is loaded); huggingface/transformers ``convert_llava_next_weights_to_hf.py`` (the names).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsdkit.errors import CheckpointError, ConfigError
from vsdkit.model.bases import family_of
from vsdkit.model.run_folder import ADAPTER_CONFIG, ADAPTER_WEIGHTS, RUN, TrainedRun

if TYPE_CHECKING:
    import torch

    from vsdkit.manifest import Manifest
    from vsdkit.model.stored_weights import LoadedNames

__all__ = ["convert_llava_adapter", "is_llava_adapter", "llava_image_mode"]

_NON_LORA: Final = "non_lora_trainables.bin"
_PICKLED: Final = "adapter_model.bin"
_PEFT: Final = "base_model.model."
# LLaVA's names to those that the same weights have in files of the hub.
_HUB_NAMES: Final = {
    "model.layers.": "language_model.model.layers.",
    "model.mm_projector.0.": "multi_modal_projector.linear_1.",
    "model.mm_projector.2.": "multi_modal_projector.linear_2.",
}


def is_llava_adapter(folder: Path) -> bool:
    """Say whether LLaVA's own trainer wrote a folder."""
    return (folder / _NON_LORA).is_file() and not (folder / RUN).is_file()


def llava_image_mode(folder: Path) -> str:
    """Return the image mode that a folder's config.json tells of.

    ``pad`` is one padded tile, as ``single`` is but for one token, the newline behind the tile.

    Raises:
        ConfigError: If it does not say, or images were cut in a way that is not known here.
    """
    try:
        content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        cut = content.get("image_aspect_ratio"), content.get("mm_patch_merge_type", "flat")
    except (OSError, ValueError, AttributeError):
        cut = None, None
    if cut == ("anyres", "spatial_unpad"):
        return "anyres"
    if cut[0] == "pad":
        return "single"
    raise ConfigError(
        "this folder of LLaVA's trainer does not say how images were cut, or in a way that is not "
        f"known here: image_aspect_ratio {cut[0]!r}, mm_patch_merge_type {cut[1]!r}",
        where=str(folder / "config.json"),
        hint="name the nearest: --image-mode single, or --image-mode anyres",
    )


def convert_llava_adapter(
    source: Path, run: TrainedRun, names: LoadedNames, manifest: Manifest
) -> None:
    """Write a run folder whose adapter plain PEFT loads on the base in the Hugging Face form.

    Args:
        source: The folder of LLaVA's trainer.
        run: The run to write: its folder, base, and the form of question.
        names: Of the base's weights.
        manifest: Begun when the command began.

    Raises:
        CheckpointError: If a file is missing, damaged or holds more than tensors, or something was
            trained that PEFT has no place for: embeddings, the vision tower, the newline.
    """
    from peft import LoraConfig, PeftConfig
    from safetensors.torch import save_file

    lora, files = _read_lora(source)
    tensors = _rename(lora, names, source) | _rename(_unpickle(source / _NON_LORA), names, source)
    modules = sorted({name.partition(".lora_")[0] for name in tensors if ".lora_" in name})
    projector = family_of(names.model.config).projector
    try:
        config = PeftConfig.from_pretrained(str(source))
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise CheckpointError(
            f"the adapter's configuration cannot be read: {str(error).splitlines()[0]}",
            where=str(source / ADAPTER_CONFIG),
            hint="copy the whole folder again",
        ) from error
    if not isinstance(config, LoraConfig):
        raise CheckpointError("not a LoRA adapter", where=str(source / ADAPTER_CONFIG))
    config = replace(
        config,
        # LLaVA's bare names (q_proj) would hit the vision tower of this base too.
        target_modules=modules,
        modules_to_save=[projector] if any(projector in name for name in tensors) else None,
        base_model_name_or_path=run.base,
    )
    run.folder.mkdir(parents=True, exist_ok=True)
    # Without its mark it is no run, until all of it is there again.
    (run.folder / RUN).unlink(missing_ok=True)
    config.save_pretrained(str(run.folder))
    stored = {_PEFT + name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(stored, run.folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    run.write(manifest, inputs=[*files, source / _NON_LORA], converted_from=str(source))


def _read_lora(source: Path) -> tuple[Mapping[str, torch.Tensor], list[Path]]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = source / ADAPTER_WEIGHTS
    if not path.is_file():
        return _unpickle(source / _PICKLED), [source / _PICKLED]
    try:
        return load_file(path), [path]
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"the weights are damaged or cut off: {error}",
            where=str(path),
            hint="copy the file again",
        ) from error


def _unpickle(path: Path) -> Mapping[str, torch.Tensor]:
    """Return the tensors of a pickled file, in which nothing but tensors is ever loaded."""
    import pickle

    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"the weights are missing, damaged, or hold more than tensors: "
            f"{str(error).splitlines()[0]}",
            where=str(path),
            hint="copy the file again",
        ) from error
    if not isinstance(content, dict) or not all(map(torch.is_tensor, content.values())):
        raise CheckpointError("the file holds no weights", where=str(path))
    return content


def _rename(
    tensors: Mapping[str, torch.Tensor], names: LoadedNames, source: Path
) -> dict[str, torch.Tensor]:
    """Return the tensors under the names that they have in the loaded base, LoRA's end kept."""
    renamed = {}
    unknown = []
    for key, tensor in tensors.items():
        # With and without PEFT's two modules in front: LLaVA's loader takes both.
        name = key.removeprefix("base_model.").replace("model.model.", "model.", 1)
        begin = next((one for one in _HUB_NAMES if name.startswith(one)), None)
        if begin is None:
            unknown.append(name)
            continue
        stored = _HUB_NAMES[begin] + name.removeprefix(begin)
        module, lora, end = stored.partition(".lora_")
        loaded = names.rename(f"{module}.weight" if lora else stored)
        renamed[loaded.removesuffix(".weight") + lora + end if lora else loaded] = tensor
    _refuse(unknown, source)
    return renamed


def _refuse(unknown: Iterable[str], source: Path) -> None:
    first = next(iter(sorted(unknown)), None)
    if first is not None:
        raise CheckpointError(
            f"{first} was trained, for which an adapter in PEFT's form has no place here",
            where=str(source),
            hint="LoRA on the language model and a trained projector can be converted",
        )
