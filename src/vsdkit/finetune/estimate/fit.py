"""Find the smallest change of settings with which a run fits its GPUs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from vsdkit.finetune.estimate.memory import Layout, Memory

__all__ = ["Change", "find_change", "flags_of"]

_MOST_GPUS = 64
"""Of a kind that is too small, more are tried up to here: eight machines of eight."""


class Change(NamedTuple):
    """Settings with which a run fits."""

    layout: Layout
    memory: Memory
    flags: list[str]
    """What to add to the command line."""


def find_change(
    layout: Layout,
    *,
    global_batch: int,
    usable_bytes: float,
    more_gpus: bool,
    peak: Callable[[Layout], Memory],
) -> Change | None:
    """Return the first change that fits: from those that leave the result as it is to the others.

    First fewer rows at once, then ZeRO-3, then gradient checkpointing, which change nothing but
    memory and time. Then one tile an image, then a quantised base, then more GPUs.

    Args:
        layout: What does not fit.
        global_batch: Rows a step.
        usable_bytes: Memory of a GPU.
        more_gpus: Whether more GPUs may be named.
        peak: Gives the memory of a layout.
    """
    for other in _others(layout, global_batch, more_gpus):
        memory = peak(other)
        if memory.needed <= usable_bytes:
            return Change(other, memory, flags_of(layout, other))
    return None


def flags_of(before: Layout, after: Layout) -> list[str]:
    """Return the flags that lead from one layout to another."""
    flags = {
        "processes": f"--gpus {after.processes}",
        "per_device": f"--per-device-batch-size {after.per_device}",
        "zero_stage": f"--zero-stage {after.zero_stage}",
        "gradient_checkpointing": "--gradient-checkpointing",
        "image_mode": f"--image-mode {after.image_mode}",
        "load_in": f"--load-in {after.load_in}",
    }
    return [flag for name, flag in flags.items() if getattr(before, name) != getattr(after, name)]


def _others(layout: Layout, global_batch: int, more_gpus: bool) -> Iterator[Layout]:
    """Yield layouts, the smallest change first; the innermost loop is what changes least."""
    counts = _counts_of_gpus(layout.processes, global_batch) if more_gpus else [layout.processes]
    for processes in counts:
        # Where more GPUs are needed anyway, they and ZeRO-3 do it alone.
        more = processes > layout.processes
        load_ins = [None] if more else _load_ins(layout)
        for load_in in load_ins:
            for image_mode in dict.fromkeys((layout.image_mode, "single")):
                for checkpointing in dict.fromkeys((layout.gradient_checkpointing, True)):
                    # A quantised base cannot be cut up.
                    stages = (2,) if load_in else (layout.zero_stage, 3)
                    for stage in dict.fromkeys((3,) if more else stages):
                        share = global_batch // processes
                        most = min(layout.per_device, share)
                        for rows in (n for n in range(most, 0, -1) if share % n == 0):
                            yield Layout(processes, rows, stage, checkpointing, image_mode, load_in)


def _counts_of_gpus(processes: int, global_batch: int) -> Iterator[int]:
    yield processes
    count = 2
    while count <= _MOST_GPUS:
        if count > processes and global_batch % count == 0:
            yield count
        count *= 2


def _load_ins(layout: Layout) -> list[str | None]:
    return list(dict.fromkeys((layout.load_in, "4bit")))
