"""The folder of a merged model: held while it is written, and there only when it is whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vsdkit.data.disk import free_bytes
from vsdkit.data.jsonl import dump_document, hold_file
from vsdkit.errors import ConfigError, VsdkitError
from vsdkit.manifest import refuse_other
from vsdkit.model.chat_template import CHAT_TEMPLATE
from vsdkit.model.merged_folder import merged_facts

if TYPE_CHECKING:
    from vsdkit.model.merging import MergedWeights
    from vsdkit.progress import Listener

__all__ = ["copy_files", "find_complete", "need_room", "open_folder", "write_weights"]

SHARD_BYTES: Final = 5 * 10**9
"""Largest shard: the most of a model that merging holds in memory; what transformers writes too."""

_INDEX: Final = "model.safetensors.index.json"
_LOCK: Final = ".lock"
_COPIED: Final = frozenset({".json", ".model", ".txt", ".jinja"})
"""Ends of the names of files that a model folder has besides weights."""
_OWN: Final = frozenset({_INDEX, CHAT_TEMPLATE, "chat_template.json", "run.json"})
"""Files of a base that must not be copied: they say something else of the merged model."""
_GENERATION: Final = "generation_config.json"
_ELSEWHERE: Final = "merge into another folder: --output FOLDER"


def find_complete(folder: Path, identity: Mapping[str, Any], *, overwrite: bool) -> bool:
    """Say whether this very model is there already, and refuse whatever else is.

    Raises:
        ConfigError: If a model merged otherwise is there and ``overwrite`` is not given, or
            anything that was not merged here: that is never written over.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    facts = merged_facts(folder)
    if facts is None:
        raise ConfigError(
            "something else is in the way: not a folder that `vsdkit merge` wrote",
            where=str(folder),
            hint=_ELSEWHERE,
        )
    if overwrite:
        return False
    refuse_other(
        folder,
        facts.get("identity"),
        identity,
        hint=f"merge anew with --overwrite, or {_ELSEWHERE}",
    )
    missing = [name for name in facts.get("files", {}) if not (folder / name).is_file()]
    if missing:
        raise ConfigError(
            f"{missing[0]} is missing of what was merged",
            where=str(folder),
            hint="merge anew with --overwrite",
        )
    return True


def need_room(folder: Path, n_bytes: int) -> None:
    """Raise if the disk has no room for a merged model.

    Raises:
        VsdkitError: If fewer bytes are free than the weights take.
    """
    free = free_bytes(folder.absolute().parent)
    # Tokenizer and configurations are a few MB.
    if free < n_bytes + 10**7:
        raise VsdkitError(
            f"the merged model takes {n_bytes / 1e9:.1f} GB, {free / 1e9:.1f} GB are free",
            where=str(folder),
            hint="make room, or name a place on another disk: --output FOLDER",
        )


@contextmanager
def open_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the name of ``folder`` when the block ends without error.

    It lies beside it, so that it is renamed within one disk. What a killed merge left there is
    removed first; an older model of that name stays until the new one is whole.

    Raises:
        ConfigError: If another process is writing it.
        VsdkitError: If it cannot be written, or the disk is full.
    """
    from safetensors import SafetensorError

    part = folder.with_name(f".{folder.name}.part")
    old = folder.with_name(f".{folder.name}.old")
    held = False
    try:
        part.mkdir(parents=True, exist_ok=True)
        with (part / _LOCK).open("w") as file:
            hold_file(file, folder, doing="merging into this folder", instead=_ELSEWHERE)
            held = True
            for left in part.iterdir():
                if left.name != _LOCK:
                    left.unlink()
            yield part
            (part / _LOCK).unlink()
            if old.exists():
                shutil.rmtree(old)
            if folder.exists():
                folder.replace(old)
            part.replace(folder)
            if old.exists():
                shutil.rmtree(old)
    except (OSError, SafetensorError) as error:
        raise VsdkitError(
            f"cannot write: {getattr(error, 'strerror', None) or error}",
            where=str(folder),
            hint=f"make room, or {_ELSEWHERE}",
        ) from error
    finally:
        # Half a model is of no use and fills the disk. After success the name is free already;
        # what another process holds is its own.
        if held:
            shutil.rmtree(part, ignore_errors=True)


def write_weights(merged: MergedWeights, folder: Path, listener: Listener) -> None:
    """Write the merged weights in shards, under the names that the base's files have.

    One shard is in memory at a time, and of the base and the adapter the one tensor that is being
    added to: nothing of a model of 26 GB is held twice, and no more than a shard of it once.
    """
    from huggingface_hub import split_state_dict_into_shards_factory
    from safetensors.torch import save_file

    tensors = dict(merged.base.tensors)
    split = split_state_dict_into_shards_factory(
        tensors,
        get_storage_size=lambda tensor: tensor.n_bytes,
        filename_pattern="model{suffix}.safetensors",
        max_shard_size=SHARD_BYTES,
    )
    with listener.track("merge", total=len(tensors)) as tracker:
        for name, members in split.filename_to_tensors.items():
            shard = {}
            for member in members:
                shard[member] = merged.load(member)
                tracker.advance()
            save_file(shard, folder / name, metadata={"format": "pt"})
            # Before the next shard is begun, not when its first tensor takes the name.
            shard.clear()
            _sync(folder / name)
    if split.is_sharded:
        index = {"metadata": split.metadata, "weight_map": split.tensor_to_filename}
        (folder / _INDEX).write_text(dump_document(index), encoding="utf-8")


def copy_files(base: Path, folder: Path, *, chat_template: str, stop: int) -> None:
    """Copy configuration, tokenizer and preprocessor of a base; write what differs.

    config.json is the base's own, with its image grid. The chat template is the run's. Of the
    generation config only the ids of tokens are taken: a repetition penalty or a temperature of
    the base's would change answers that are meant to be greedy.

    Args:
        base: The base's folder.
        folder: Where to.
        chat_template: From ``make_chat_template``.
        stop: Id of the token that ends an answer; servers stop at it too.
    """
    for path in sorted(base.iterdir()):
        if path.suffix not in _COPIED or path.name in _OWN or not path.is_file():
            continue
        if path.name == _GENERATION:
            continue
        content = _without_template(path)
        if content is None:
            shutil.copyfile(path, folder / path.name)
        else:
            (folder / path.name).write_text(dump_document(content), encoding="utf-8")
    (folder / CHAT_TEMPLATE).write_text(chat_template, encoding="utf-8")
    (folder / _GENERATION).write_text(
        dump_document(_generation_config(base, stop)), encoding="utf-8"
    )


def _without_template(path: Path) -> dict[str, Any] | None:
    """Return the content of a JSON file without its chat template; None if it has none."""
    if path.suffix != ".json":
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or "chat_template" not in content:
        return None
    return {name: value for name, value in content.items() if name != "chat_template"}


def _generation_config(base: Path, stop: int) -> dict[str, Any]:
    place = base / _GENERATION
    content = json.loads(place.read_text(encoding="utf-8")) if place.is_file() else {}
    kept = {name: value for name, value in content.items() if name.endswith("_token_id")}
    ends = kept.get("eos_token_id")
    ends = ends if isinstance(ends, list) else [] if ends is None else [ends]
    if stop not in ends:
        kept["eos_token_id"] = [stop, *ends]
    return kept


def _sync(path: Path) -> None:
    # On the disk before the folder gets its name: after a power cut it must be whole.
    with path.open("rb") as file:
        os.fsync(file.fileno())
