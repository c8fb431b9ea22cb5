"""What a run writes, and the room there is for it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Space", "checkpoint_bytes", "find_short", "free_bytes"]

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


def free_bytes(folder: Path) -> int:
    """Return the room in a folder that need not be there yet."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def find_short(spaces: Sequence[Space]) -> list[Space]:
    """Return what there is no room for: several things on one disk share its room."""
    short: list[Space] = []
    for disk in {_disk(space.folder) for space in spaces}:
        on_it = [space for space in spaces if _disk(space.folder) == disk]
        if sum(space.needed_bytes for space in on_it) > free_bytes(on_it[0].folder):
            short += [space for space in on_it if space.needed_bytes]
    return short


def _disk(folder: Path) -> int:
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder.stat().st_dev
