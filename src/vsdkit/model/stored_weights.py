"""A base model's weights as they lie on the disk: names, shapes, and one tensor at a time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from vsdkit.errors import CheckpointError
from vsdkit.model.base_files import weight_files
from vsdkit.model.bases import check_base

if TYPE_CHECKING:
    import torch

__all__ = ["LoadedNames", "StoredTensor", "StoredWeights", "read_header"]

# What a model folder of transformers is made of. Pickled weights are never among them.


class StoredTensor(NamedTuple):
    """A tensor's place and form, from the header of its file."""

    file: Path
    """The safetensors file that holds it."""
    shape: tuple[int, ...]
    """As the model has it: outputs first, inputs second."""
    dtype: str
    """Number format as safetensors writes it: ``F16``, ``BF16``, ``F32``."""

    @property
    def n_bytes(self) -> int:
        """Bytes it takes, on the disk as in memory."""
        # I64, F8_E4M3, U8: the first number is the bits, and only BOOL has none.
        digits = "".join(one for one in self.dtype.split("_")[0] if one.isdigit())
        return math.prod(self.shape) * int(digits or 8) // 8


class LoadedNames(NamedTuple):
    """What transformers calls each stored weight once it is loaded.

    Files of the hub, and adapters of older transformers, name layers otherwise than the model of
    today does: ``language_model.model.layers.0`` on the disk is ``model.language_model.layers.0``.
    """

    model: Any
    """The base on torch's meta device: names and shapes, no content."""
    own: frozenset[str]
    """The model's names of its weights."""
    renamings: list[Any]
    """Transformers' own rules for a weight that only has another name on the disk."""
    converters: list[Any]
    """Its rules for weights that are put together of several."""

    @classmethod
    def of(cls, base: str, *, image_mode: str) -> LoadedNames:
        """Return the names that a base's weights are loaded by; no weight is read.

        Raises:
            CheckpointError: If there is no such base.
        """
        import torch
        from transformers import AutoModelForImageTextToText
        from transformers.conversion_mapping import get_model_conversion_mapping
        from transformers.core_model_loading import WeightConverter, WeightRenaming

        config = check_base(base, image_mode=image_mode)
        with torch.device("meta"):
            model = AutoModelForImageTextToText.from_config(config, trust_remote_code=False)
        # The very list that from_pretrained goes through; PEFT takes it from there too.
        found = get_model_conversion_mapping(model)
        return cls(
            model,
            frozenset(model.state_dict()),
            [one for one in found if isinstance(one, WeightRenaming)],
            [one for one in found if isinstance(one, WeightConverter)],
        )

    def rename(self, name: str) -> str:
        """Return the loaded model's name of a stored weight; its own names stay as they are."""
        from transformers.core_model_loading import rename_source_key

        if name in self.own:
            return name
        # It asks of names only whether they are there.
        known = dict.fromkeys(self.own, True)
        renamed, _ = rename_source_key(
            name, self.renamings, self.converters, self.model.base_model_prefix, known
        )
        return str(renamed)

    @property
    def tied(self) -> frozenset[str]:
        """Names of weights that are one tensor under two names."""
        pairs: Mapping[str, str] = getattr(self.model, "all_tied_weights_keys", None) or {}
        return frozenset(pairs) | frozenset(pairs.values())


@dataclass(frozen=True, slots=True)
class StoredWeights:
    """The tensors of a model folder; each is read when it is asked for and not kept.

    A context manager: the files stay open inside it.
    """

    folder: Path
    """The model's folder."""
    tensors: Mapping[str, StoredTensor]
    """Name on the disk to place and form, file by file, in the order of the names."""
    _open: dict[Path, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    _stack: ExitStack = field(default_factory=ExitStack, init=False, repr=False, compare=False)

    @classmethod
    def read(cls, folder: Path) -> StoredWeights:
        """Return what the headers of a folder's safetensors files say.

        Raises:
            CheckpointError: If there is none, one is damaged or cut off, one that the index names
                is missing, or a name occurs twice.
        """
        tensors: dict[str, StoredTensor] = {}
        for path in (folder / name for name in weight_files(folder)):
            for name, tensor in read_header(path).items():
                if name in tensors:
                    raise CheckpointError(
                        f"the weight {name} is there twice",
                        where=f"{tensors[name].file} and {path}",
                        hint="fetch the base model again: its files do not belong together",
                    )
                tensors[name] = tensor
        return cls(folder, tensors)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        self._open.clear()
        self._stack.close()

    @property
    def n_bytes(self) -> int:
        """Bytes of all tensors together."""
        return sum(tensor.n_bytes for tensor in self.tensors.values())

    @property
    def dtype(self) -> str:
        """Number format of most of it."""
        sizes: Counter[str] = Counter()
        for tensor in self.tensors.values():
            sizes[tensor.dtype] += tensor.n_bytes
        return sizes.most_common(1)[0][0]

    def load(self, name: str) -> torch.Tensor:
        """Return one tensor, on the CPU, in the number format that it is stored in."""
        from safetensors import safe_open

        path = self.tensors[name].file
        if path not in self._open:
            # Mapped into memory: pages are read as they are touched, and may be dropped again.
            self._open[path] = self._stack.enter_context(safe_open(path, framework="pt"))
        tensor: torch.Tensor = self._open[path].get_tensor(name)
        return tensor


def read_header(path: Path) -> dict[str, StoredTensor]:
    """Return the tensors of a safetensors file by name, from its header alone.

    Raises:
        CheckpointError: If it is missing, damaged or cut off.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {
                name: StoredTensor(path, tuple(part.get_shape()), str(part.get_dtype()))
                for name in sorted(file.keys())
                if (part := file.get_slice(name)) is not None
            }
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"the weights are missing, damaged or cut off: {error}",
            where=str(path),
            hint="fetch or copy the file again",
        ) from error
