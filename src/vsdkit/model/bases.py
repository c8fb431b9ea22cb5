"""Find a base model by name (hub id, folder, the packaged tiny one); check its config.json."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vsdkit.errors import CheckpointError, ConfigError
from vsdkit.settings.defaults import BASE

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from vsdkit.model.families import Family

__all__ = [
    "DEFAULT_BASE",
    "TINY_BASE",
    "WEIGHTS",
    "check_base",
    "family_of",
    "find_cached",
    "find_config",
    "is_at_hand",
    "resolve_base",
    "source_to_plan",
    "tiny_base_path",
]

DEFAULT_BASE: Final = BASE
"""The base that is trained if none is named."""
TINY_BASE: Final = "tiny"
"""Alias of the packaged base: a million parameters, for trials and tests."""

_PREPROCESSOR: Final = "preprocessor_config.json"
WEIGHTS: Final = ("model.safetensors", "model.safetensors.index.json")
"""The weights in one file, or the list of the files that they are in: one of the two is there."""


def tiny_base_path() -> Path:
    """Return the folder of the packaged tiny base.

    Raises:
        CheckpointError: If the installation lacks it.
    """
    folder = Path(str(resources.files("vsdkit.model").joinpath("tiny")))
    if not (folder / "config.json").is_file():
        raise CheckpointError(
            "the packaged tiny base is missing from this installation",
            where=str(folder),
            hint="install vsdkit again, or make it: python scripts/make_tiny_base.py",
        )
    return folder


def source_to_plan(base: str) -> str:
    """Return the folder or hub id from which a run of a base is planned: without its weights.

    For the default base nothing is fetched: what is in the hub's cache is taken, or a packaged
    folder with ``config.json`` and ``preprocessor_config.json`` and no tokenizer.
    """
    from huggingface_hub import try_to_load_from_cache

    if base != DEFAULT_BASE:
        return resolve_base(base)
    cached = [try_to_load_from_cache(base, name) for name in ("config.json", _PREPROCESSOR)]
    if all(isinstance(one, str) for one in cached):
        return str(Path(str(cached[0])).parent)
    return str(resources.files("vsdkit.model").joinpath("vicuna_13b"))


def is_at_hand(base: str) -> bool:
    """Say whether a base's weights are on this machine."""
    source = resolve_base(base)
    return Path(source).is_dir() or find_cached(source) is not None


def find_cached(name: str) -> Path | None:
    """Return the folder of the hub's cache with a model's weights; None if they are not in it.

    Args:
        name: Its hub id.
    """
    from huggingface_hub import try_to_load_from_cache

    found = (try_to_load_from_cache(name, weights) for weights in WEIGHTS)
    return next((Path(path).parent for path in found if isinstance(path, str)), None)


def resolve_base(base: str) -> str:
    """Return what transformers loads for a base's name: a folder, or a hub id."""
    return str(tiny_base_path()) if base == TINY_BASE else base


def family_of(config: PretrainedConfig) -> Family:
    """Return the family of a configuration that ``check_base`` let pass."""
    from vsdkit.model.families import FAMILIES

    return FAMILIES[config.model_type]


def check_base(
    base: str,
    *,
    image_mode: str = "single",
    commit: str | None = None,
    only_plans: bool = False,
) -> PretrainedConfig:
    """Return a base's configuration, fetching nothing else.

    Args:
        base: ``tiny``, a local folder, or a hub id such as ``llava-hf/llava-v1.6-vicuna-13b-hf``.
        image_mode: What the configuration is set for.
        commit: Of a hub id; without it the newest.
        only_plans: Whether no weights are wanted: see ``source_to_plan``.

    Returns:
        The configuration, as the base's family sets it for the image mode.

    Raises:
        CheckpointError: If there is no such base, it cannot be reached, it is of no known family,
            a folder lacks its safetensors weights, or the family refuses its configuration.
        ConfigError: If the family does not know the image mode.
    """
    source = resolve_base(base)
    planned = only_plans and base == DEFAULT_BASE
    path = (
        Path(source_to_plan(base)) / "config.json" if planned else find_config(base, commit=commit)
    )
    content = _read_config(path)
    where = f"{source}: config.json"
    _check_type(base, content.get("model_type"), where=where)
    # By the type alone: no code that comes with a checkpoint is ever run.
    from transformers import CONFIG_MAPPING

    config = CONFIG_MAPPING[content["model_type"]].from_dict(content)
    family = family_of(config)
    if image_mode not in family.image_modes:
        raise ConfigError(
            f"unknown image mode {image_mode!r} for a {family.name} model",
            where="--image-mode",
            hint=f"use one of: {', '.join(family.image_modes)}",
        )
    family.configure(config, image_mode=image_mode, where=where)
    return config


def _check_type(base: str, model_type: object, *, where: str) -> None:
    from vsdkit.model.families import FAMILIES

    if not isinstance(model_type, str) or model_type not in FAMILIES:
        names = " or ".join(family.name for family in FAMILIES.values())
        types = " or ".join(map(repr, FAMILIES))
        raise CheckpointError(
            f"not a {names} model: {base} is of type {model_type!r}, expected {types}",
            where=where,
            hint=f"use a base in the Hugging Face form, such as {DEFAULT_BASE}",
        )


def _check_folder(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        adapter = (folder / "adapter_config.json").is_file()
        raise CheckpointError(
            "this folder holds an adapter, not a base model"
            if adapter
            else "this folder holds no model",
            where=f"{folder}: no config.json",
            hint="name it as the adapter and its base as the base"
            if adapter
            else "name the folder of a base model",
        )
    if not any((folder / name).is_file() for name in WEIGHTS):
        raise CheckpointError(
            "no safetensors weights in this folder (pickled weights are never loaded)",
            where=f"{folder}: neither {' nor '.join(WEIGHTS)}",
            hint="save the model with save_pretrained(..., safe_serialization=True)",
        )


def find_config(base: str, *, commit: str | None = None) -> Path:
    """Return where a base's ``config.json`` is, fetching it if it is a hub's and not in the cache.

    Args:
        base: ``tiny``, a local folder, or a hub id.
        commit: Of a hub id; without it the newest, or without a network the newest in the cache.

    Raises:
        CheckpointError: If there is no such base, it cannot be reached, or a folder lacks its
            safetensors weights.
    """
    from transformers.utils import cached_file

    source = resolve_base(base)
    folder = Path(source)
    if folder.is_dir():
        _check_folder(folder)
        return folder / "config.json"
    if source.startswith((".", "/", "~")) or source.count("/") != 1:
        raise CheckpointError(
            f"no such base model: {base}",
            where=f"{base} is neither a folder nor a hub id (owner/name)",
            hint=f"name a folder, a hub id such as {DEFAULT_BASE}, or {TINY_BASE!r}",
        )
    try:
        return Path(cached_file(source, "config.json", revision=commit))
    except (OSError, ValueError) as error:
        raise _unreachable(source, error) from error


def _read_config(path: Path) -> dict[str, Any]:
    """Return the content of a ``config.json``."""
    import json

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(
            f"config.json is not JSON: {error}",
            where=str(path),
            hint="fetch the base model again",
        ) from error
    if not isinstance(content, dict):
        raise CheckpointError(
            "config.json holds no object", where=str(path), hint="fetch the base model again"
        )
    return content


def _unreachable(source: str, error: Exception) -> CheckpointError:
    """Tell apart the ways in which a hub id cannot be read."""
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError

    cause = error.__cause__
    where = f"https://huggingface.co/{source}"
    if isinstance(cause, GatedRepoError):
        return CheckpointError(
            f"access to the base model {source} must be asked for",
            where=where,
            hint="ask there, then: hf auth login",
        )
    if isinstance(cause, RepositoryNotFoundError | HFValidationError) or isinstance(
        error, HFValidationError
    ):
        return CheckpointError(
            f"no such base model on the hub: {source}",
            where=where,
            hint=f"check the name; the default is {DEFAULT_BASE}, {TINY_BASE!r} needs no network",
        )
    state = (
        "offline mode is on (HF_HUB_OFFLINE)"
        if constants.HF_HUB_OFFLINE
        else "the hub cannot be reached"
    )
    return CheckpointError(
        f"base model {source} is not in the cache, and {state}",
        where=where,
        hint=f"with a network: hf download {source}; or name a local folder, or {TINY_BASE!r}",
    )
