"""What a run writes, and whether it fits the disks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vsdkit.data.disk import disk_of, free_bytes

__all__ = ["Space", "checkpoint_bytes", "find_short"]

CHECKPOINTS = 3
"""Two are kept while the next is written."""


class Space(NamedTuple):
    """One thing that is written."""

    what: str
    needed_bytes: int
    folder: Path
    """Where; it need not be there yet."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "what": self.what,
            "needed_bytes": self.needed_bytes,
            "free_bytes": free_bytes(self.folder),
            "folder": str(self.folder),
        }


def checkpoint_bytes(trainable_parameters: int, *, dtype_bytes: int, zero_stage: int) -> int:
    """Return the bytes of a checkpoint: what trains, and the optimiser's 32-bit copy and moments.

    The frozen base is not in it. Below ZeRO-3 DeepSpeed writes what trains a second time, beside
    the adapter.
    """
    copies = 1 if zero_stage == 3 else 2
    return trainable_parameters * (copies * dtype_bytes + 4 + 8)


def find_short(spaces: Sequence[Space]) -> list[Space]:
    """Return what does not fit its disk: several things on one disk share what is free."""
    short: list[Space] = []
    for disk in {disk_of(space.folder) for space in spaces}:
        on_it = [space for space in spaces if disk_of(space.folder) == disk]
        if sum(space.needed_bytes for space in on_it) > free_bytes(on_it[0].folder):
            short += [space for space in on_it if space.needed_bytes]
    return short
