"""Add an adapter to the weights of its base, one tensor at a time, as both lie on the disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsdkit.errors import CheckpointError
from vsdkit.model.adapter_weights import AdapterWeights
from vsdkit.model.stored_weights import LoadedNames, StoredWeights

if TYPE_CHECKING:
    import torch

__all__ = ["MergedWeights"]

_OTHER_BASE = "name the base that the adapter was trained on: --base; run.json beside it names it"


@dataclass(frozen=True, slots=True)
class MergedWeights:
    """The weights of base and adapter together; none is in memory until it is asked for."""

    base: StoredWeights
    """The base's files."""
    adapter: AdapterWeights
    """What was trained."""
    added: Mapping[str, str]
    """Name on the base's disk to the name of the pair that is added."""
    replaced: Mapping[str, str]
    """Name on the base's disk to the name of the weight that stands in its place."""

    @classmethod
    def match(
        cls, base: StoredWeights, adapter: AdapterWeights, names: LoadedNames
    ) -> MergedWeights:
        """Find the one weight of the base that each weight of the adapter belongs to.

        Base and adapter may name it differently: both names go through the renaming of
        transformers' own loading, and meet in the name that the loaded model has.

        Raises:
            CheckpointError: If a weight of the adapter finds none or several, or one of another
                shape, or a weight that the base has under two names.
        """
        stored: dict[str, list[str]] = {}
        for name in base.tensors:
            stored.setdefault(names.rename(name), []).append(name)
        shapes: dict[str, tuple[int, ...]] = {
            name: pair.shape for name, pair in adapter.pairs.items()
        }
        shapes |= {name: adapter.stored.tensors[key].shape for name, key in adapter.whole.items()}
        found: dict[str, str] = {}
        for name, shape in shapes.items():
            loaded = names.rename(name)
            places = stored.get(loaded, [])
            if len(places) != 1:
                raise _no_place(f"it has {len(places)} weights named {loaded}", adapter)
            if base.tensors[places[0]].shape != tuple(shape):
                got = list(base.tensors[places[0]].shape)
                raise _no_place(f"{places[0]} is {got}, expected {list(shape)}", adapter)
            if loaded in names.tied:
                # Under its other name the model would go on with the old content, or with the
                # new one where the adapter did not mean it.
                raise _no_place(f"{loaded} is tied to another weight", adapter)
            if places[0] in found.values():
                raise _no_place(f"{places[0]} is met twice", adapter)
            found[name] = places[0]
        return cls(
            base,
            adapter,
            added={found[name]: name for name in adapter.pairs},
            replaced={found[name]: name for name in adapter.whole},
        )

    def load(self, name: str) -> torch.Tensor:
        """Return a weight with what the adapter makes of it, in the base's number format.

        The sum is made in float32 and rounded once; what the adapter leaves alone is returned as
        it is stored.

        Args:
            name: Its name on the base's disk.
        """
        if name in self.replaced:
            whole = self.adapter.stored.load(self.adapter.whole[self.replaced[name]])
            return whole.to(self.base.load(name).dtype)
        weight = self.base.load(name)
        if name not in self.added:
            return weight
        change = self.adapter.change(self.adapter.pairs[self.added[name]])
        return change.add_(weight.float()).to(weight.dtype)


def _no_place(why: str, adapter: AdapterWeights) -> CheckpointError:
    return CheckpointError(
        f"the adapter does not fit the base model: {why}",
        where=str(adapter.stored.folder),
        hint=_OTHER_BASE,
    )
