"""Begin a run from the weights of another run's adapter: find them, compare, put them in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.errors import CheckpointError, ConfigError
from vsdkit.finetune.folder import last_checkpoint
from vsdkit.manifest import hash_file, read_manifest
from vsdkit.model.bases import resolve_base
from vsdkit.model.checkpoint import stored_shapes
from vsdkit.model.lora import adapter_shapes
from vsdkit.model.run_folder import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from vsdkit.progress import SILENT, Listener

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from vsdkit.settings.finetune import FinetuneSettings

__all__ = ["StartWeights", "find_start", "put_start_weights"]

# With any of these the weights mean something else than rank and alpha alone say.
_OTHER_KINDS = ("use_dora", "use_rslora", "rank_pattern", "alpha_pattern")


class StartWeights(NamedTuple):
    """The adapter that a run begins from."""

    folder: Path
    """A run folder or a checkpoint."""
    sha256: str
    """Of its weights."""

    def refuse_within(self, run: Path) -> None:
        """Raise if the adapter is the run's own.

        Raises:
            ConfigError: If so: beginning anew would remove what it begins from.
        """
        source = self.folder.resolve()
        if run.resolve() in (source, *source.parents):
            raise ConfigError(
                "a run cannot begin from its own weights",
                where=f"--resume-from {self.folder}",
                hint="to go on with it leave --resume-from out; a new run has another --name",
            )


def find_start(
    settings: FinetuneSettings, config: PretrainedConfig, *, listener: Listener = SILENT
) -> StartWeights | None:
    """Return the adapter that a run is to begin from, found fit; None if it begins anew.

    Args:
        settings: Name its folder, and what LoRA this run has.
        config: The base's.
        listener: Hears where the weights are from.

    Raises:
        CheckpointError: If there is no adapter, it is damaged, or it does not fit the base.
        ConfigError: If rank, alpha or the projector's training differ from the adapter's.
        DataError: If the adapter's configuration is not JSON.
    """
    folder = settings.resume_from
    if folder is None:
        return None
    where = str(folder)
    if not folder.is_dir():
        raise CheckpointError(
            "no such folder to begin from", where=where, hint="name a run: --resume-from runs/NAME"
        )
    checkpoint = last_checkpoint(folder)
    if checkpoint is not None and not (folder / ADAPTER_WEIGHTS).is_file():
        raise CheckpointError(
            "this run has not ended and has no adapter yet",
            where=where,
            hint=f"name its last checkpoint: --resume-from {checkpoint.path}",
        )
    stored = stored_shapes(folder)
    facts = read_manifest(folder / ADAPTER_CONFIG)
    _refuse_other_lora(facts, settings, where)
    planned = adapter_shapes(
        config, rank=settings.lora_rank, train_projector=settings.train_projector
    )
    if stored != planned:
        _raise_other_shapes(stored, planned, settings, where)
    before = facts.get("base_model_name_or_path")
    if before not in (settings.base, resolve_base(settings.base)):
        listener.message(f"the adapter of {where} was trained on {before}, not {settings.base}")
    listener.message(f"beginning from the weights of {where}")
    return StartWeights(folder, hash_file(folder / ADAPTER_WEIGHTS))


def put_start_weights(model: Any, folder: Path | None) -> None:
    """Put an adapter's weights into a model that ``with_lora`` returned, before DeepSpeed starts.

    Args:
        model: The PEFT model.
        folder: The adapter's, that ``find_start`` found fit; None leaves the model as it is.

    Raises:
        CheckpointError: If the adapter is gone, or another than the one that was found.
    """
    if folder is None:
        return
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import load_file

    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    # The names of an adapter file, each with the parameter itself: what save_adapter does, undone.
    places = get_peft_model_state_dict(model, state_dict=trained, save_embedding_layers=False)
    if stored_shapes(folder).keys() != places.keys():
        raise CheckpointError(
            "the adapter to begin from has changed since the run was planned",
            where=str(folder),
            hint="run the same command again",
        )
    weights = load_file(folder / ADAPTER_WEIGHTS)
    # At ZeRO-3 the base is cut up as it is loaded, but what PEFT adds, the copy of a projector that
    # trains included, is whole until DeepSpeed starts. Were it not, shapes would not fit here.
    with torch.no_grad():
        for name, place in places.items():
            place.copy_(weights[name])


def _refuse_other_lora(facts: dict[str, Any], settings: FinetuneSettings, where: str) -> None:
    """Raise if the adapter's own configuration says that its weights are of another kind."""
    others = [name for name in _OTHER_KINDS if facts.get(name)]
    if others:
        raise CheckpointError(
            f"this adapter is no plain LoRA ({', '.join(others)})",
            where=where,
            hint="begin from an adapter of vsdkit finetune",
        )
    for name, key in (("lora_rank", "r"), ("lora_alpha", "lora_alpha")):
        asked, there = getattr(settings, name), facts.get(key)
        if asked != there:
            raise ConfigError(
                f"{name} is {asked}, that of the adapter to begin from is {there}",
                where=where,
                hint=f"--{name.replace('_', '-')} {there}",
            )


def _raise_other_shapes(
    stored: dict[str, tuple[int, ...]],
    planned: dict[str, tuple[int, ...]],
    settings: FinetuneSettings,
    where: str,
) -> None:
    """Raise with the reason why the tensors of an adapter are not those of this run.

    Raises:
        ConfigError: If one of them trains the projector, and the other does not.
        CheckpointError: If they are of other bases or other layers.
    """
    more, fewer = sorted(stored.keys() - planned.keys()), sorted(planned.keys() - stored.keys())
    others = [name for name in more + fewer if "lora_" not in name]
    if others and len(others) == len(more) + len(fewer):
        has = bool(more)
        raise ConfigError(
            f"the adapter to begin from has {'a' if has else 'no'} trained projector, this run "
            f"{'trains none' if has else 'trains one'}",
            where=where,
            hint="--train-projector" if has else "leave --train-projector out",
        )
    differing = [name for name in stored.keys() & planned.keys() if stored[name] != planned[name]]
    first = sorted([*more, *fewer, *differing])[0]
    raise CheckpointError(
        f"the adapter does not fit the base model {settings.base}: {len(more)} of its weights have "
        f"no place, {len(fewer)} places got no weight, {len(differing)} have other shapes "
        f"(first: {first})",
        where=where,
        hint="begin from an adapter of the same base: run.json beside it names that base",
    )
