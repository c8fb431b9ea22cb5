"""Floating-point operations of a run, and the hours they take on GPUs of known speed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from vsdkit.finetune.estimate.machine import Machine
from vsdkit.finetune.estimate.memory import Layout, Task
from vsdkit.finetune.estimate.micro_batch import MicroBatch

__all__ = ["Hours", "count_flop", "hours_of"]


class Hours(NamedTuple):
    """A range of hours."""

    least: float
    """At the largest share of the GPUs' peak that such training is known to reach."""
    most: float
    """At the smallest."""


def count_flop(task: Task, layout: Layout, batches: Iterable[MicroBatch]) -> float:
    """Return the floating-point operations of some micro-batches, padding included.

    A frozen weight takes 2 operations a token forwards and 2 for the gradient of its input; its
    own gradient is not computed. Gradient checkpointing computes the layers forwards once more: 6
    instead of 4. A LoRA weight takes 2 more for its own gradient. Attention: 4 x length^2 x width
    forwards in each layer, twice that backwards; whole squares, since a mask is computed and then
    left out. Logits only where they are kept; the vision tower only forwards.
    """
    shape = task.shape
    passes = 3 if layout.gradient_checkpointing else 2
    flop = 0.0
    for batch in batches:
        weights = passes * shape.in_layers + (passes + 1) * task.trainable_parameters
        flop += 2 * batch.positions * weights
        squares = batch.sequences * batch.longest**2
        flop += (passes + 1) * 4 * squares * shape.hidden * shape.layers
        flop += 2 * 2 * batch.logits * shape.hidden * shape.vocabulary
        flop += 2 * batch.image_tokens * shape.in_vision
    return flop


def hours_of(flop: float, machine: Machine, processes: int) -> Hours | None:
    """Return the hours of so many operations; None if the machine's speed is not known."""
    if machine.tflops is None or machine.used is None:
        return None
    at_peak = flop / (processes * machine.tflops * 1e12) / 3600
    least, most = machine.used
    return Hours(at_peak / most, at_peak / least)
