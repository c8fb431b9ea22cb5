"""A LoRA adapter as it lies on the disk: what it adds to which weight of its base."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from vsdkit.errors import CheckpointError
from vsdkit.model.run_folder import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from vsdkit.model.stored_weights import StoredTensor, StoredWeights, read_header

if TYPE_CHECKING:
    import torch
    from peft import LoraConfig

__all__ = ["AdapterWeights", "LoraPair"]

_PREFIX: Final = "base_model.model."
"""Stands before every name in an adapter's file: the two modules that PEFT puts around a model."""
_A, _B = ".lora_A.weight", ".lora_B.weight"
# Fields of an adapter_config.json that say nothing of the sum W + scale * B A, or that are read
# here. Of all other fields only PEFT's default is plain LoRA: DoRA, biases, LoftQ, tokens of their
# own and whatever a later PEFT invents.
_PLAIN: Final = frozenset(
    {
        "alpha_pattern",
        "auto_mapping",
        "base_model_name_or_path",
        "exclude_modules",
        "inference_mode",
        "layers_pattern",
        "layers_to_transform",
        "lora_alpha",
        "lora_dropout",
        "modules_to_save",
        "peft_type",
        "peft_version",
        "r",
        "rank_pattern",
        "revision",
        "runtime_config",
        "target_modules",
        "task_type",
        "use_rslora",
    }
)


class LoraPair(NamedTuple):
    """The two matrices of a layer."""

    a: str
    """Key of A ``[rank, inputs]`` in the adapter's file."""
    b: str
    """Key of B ``[outputs, rank]``."""
    scale: float
    """``alpha / rank``, or with rsLoRA ``alpha / sqrt(rank)``."""
    shape: tuple[int, int]
    """Of the weight that it is added to: outputs, inputs."""


@dataclass(frozen=True, slots=True)
class AdapterWeights:
    """A plain LoRA adapter; its tensors are read one by one.

    A context manager, as ``StoredWeights`` is.
    """

    stored: StoredWeights
    """The adapter's file."""
    pairs: Mapping[str, LoraPair]
    """Name of a weight, as the adapter names it, to the pair that is added to it."""
    whole: Mapping[str, str]
    """Name of a weight that was trained as a whole, such as the projector's, to its key."""
    rank: int
    """The largest rank of all pairs."""

    @classmethod
    def read(cls, folder: Path) -> AdapterWeights:
        """Return an adapter in PEFT's form.

        Raises:
            CheckpointError: If a file is missing or damaged, it is no plain LoRA adapter, or a
                matrix lacks its other half.
        """
        config = _read_config(folder)
        path = folder / ADAPTER_WEIGHTS
        tensors = read_header(path)
        halves = [name.removesuffix(_A) for name in tensors if name.endswith(_A)]
        pairs = {_weight_name(name): _pair(name, tensors, config, path) for name in halves}
        used = {key for pair in pairs.values() for key in (pair.a, pair.b)}
        rest = sorted(tensors.keys() - used)
        odd = [name for name in rest if "lora_" in name or not name.startswith(_PREFIX)]
        if odd or not pairs:
            raise CheckpointError(
                f"{len(odd)} weights of the adapter have no place (first: {odd[0]})"
                if odd
                else "the adapter holds no LoRA weights",
                where=str(path),
                hint="only plain LoRA adapters in PEFT's form can be merged",
            )
        return cls(
            stored=StoredWeights(folder, tensors),
            pairs=pairs,
            whole={name.removeprefix(_PREFIX): name for name in rest},
            rank=max(tensors[pair.a].shape[0] for pair in pairs.values()),
        )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.stored.__exit__()

    def change(self, pair: LoraPair) -> torch.Tensor:
        """Return ``scale * B @ A`` ``[outputs, inputs]``, in float32 whatever it is stored in."""
        a, b = self.stored.load(pair.a), self.stored.load(pair.b)
        return (b.float() @ a.float()).mul_(pair.scale)

    def zero_pairs(self) -> list[str]:
        """Return the weights to which nothing is added, since their B is zero everywhere."""
        return [
            name for name, pair in self.pairs.items() if not self.stored.load(pair.b).any().item()
        ]


def _weight_name(module: str) -> str:
    return f"{module.removeprefix(_PREFIX)}.weight"


def _read_config(folder: Path) -> LoraConfig:
    from peft import LoraConfig, PeftConfig

    if not (folder / ADAPTER_CONFIG).is_file():
        raise CheckpointError(
            f"no adapter here: {ADAPTER_CONFIG} is missing",
            where=str(folder),
            hint="name a run folder of `vsdkit finetune`",
        )
    place = str(folder / ADAPTER_CONFIG)
    try:
        config = PeftConfig.from_pretrained(str(folder))
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise CheckpointError(
            f"the adapter's configuration cannot be read: {str(error).splitlines()[0]}",
            where=place,
            hint="copy the whole run folder again",
        ) from error
    odd = _odd_fields(config) if isinstance(config, LoraConfig) else f"peft_type {config.peft_type}"
    if odd or not isinstance(config, LoraConfig):
        raise CheckpointError(
            f"not a plain LoRA adapter: {odd}",
            where=place,
            hint="merge it with the library that made it: peft's merge_and_unload()",
        )
    return config


def _odd_fields(config: LoraConfig) -> str:
    """Return the settings that make a layer more than W + scale * B A; empty without any."""
    from peft import LoraConfig

    plain, found = LoraConfig().to_dict(), config.to_dict()
    return ", ".join(
        f"{name} is {found[name]!r}"
        for name in sorted(found.keys() - _PLAIN)
        if found[name]
        and found[name] != plain.get(name)
        # How B and A began; of the named ways all but this change the base's own weights too.
        and not (name == "init_lora_weights" and found[name] == "gaussian")
    )


def _pair(
    module: str, tensors: Mapping[str, StoredTensor], config: LoraConfig, path: Path
) -> LoraPair:
    from peft.utils.other import get_pattern_key

    key_a, key_b = module + _A, module + _B
    name = module.removeprefix(_PREFIX)
    ranks, alphas = config.rank_pattern or {}, config.alpha_pattern or {}
    rank = ranks.get(get_pattern_key(ranks, name), config.r)
    alpha = alphas.get(get_pattern_key(alphas, name), config.lora_alpha)
    a = tensors[key_a].shape
    b = tensors[key_b].shape if key_b in tensors else None
    if b is None or len(a) != 2 or len(b) != 2 or not a[0] == b[1] == rank:
        raise CheckpointError(
            f"the LoRA matrices of {name} do not fit together: A is {list(a)}, "
            f"B is {None if b is None else list(b)}, the rank is {rank}",
            where=str(path),
            hint="copy the whole run folder again: its files do not belong together",
        )
    scale = alpha / math.sqrt(rank) if config.use_rslora else alpha / rank
    return LoraPair(key_a, key_b, scale, (b[0], a[1]))
