"""Memory a GPU needs, by part; docs/planning.md has the same formulas in words and an example."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from vsdkit.finetune.deepspeed_config import LIVE_PARAMETERS, REDUCE_BUCKET
from vsdkit.finetune.estimate.micro_batch import MicroBatch
from vsdkit.finetune.estimate.shape import Shape

__all__ = ["RESERVE", "Layout", "Memory", "Task", "peak_memory"]

RESERVE = 0.1
"""Share of the sum that is added: what torch's allocator loses between blocks of unequal size."""
_PREFETCHED = 50_000_000
"""Numbers that ZeRO-3 gathers ahead: DeepSpeed's own ``stage3_prefetch_bucket_size``."""
_OVERHEAD_BYTES = 2_000_000_000
"""CUDA's context and kernels, NCCL's buffers, and the vision tower's activations, which are not
kept. Taken from experience: no formula gives it."""
_BYTES_A_LOGIT = 16
"""In 16 bits: the logit 2, its 32-bit copy 4, log-softmax 4, its gradient 4, the logit's 2."""
_BYTES_A_QUANTISED_NUMBER = {"4bit": 0.5 + 1 / 64 + 4 / (64 * 256), "8bit": 1.0}
"""bitsandbytes: 4 bits, an 8-bit scale for each block of 64, for 256 of these a 32-bit one; 8 bits
with a scale a row."""


class Task(NamedTuple):
    """What is trained, wherever and in whatever portions."""

    shape: Shape
    trainable_parameters: int
    """LoRA's, and the projector's where it trains."""
    dtype_bytes: int
    """Bytes of a number of the model: 2 or 4."""
    has_dropout: bool
    """Whether LoRA's inputs go through dropout, each time through another mask."""
    on_gpu: bool


class Layout(NamedTuple):
    """How it is shared out: what may be changed to make it fit."""

    processes: int
    per_device: int
    """Rows a micro-batch."""
    zero_stage: int
    gradient_checkpointing: bool
    image_mode: str
    load_in: str | None = None
    """``4bit`` or ``8bit`` where the frozen base is quantised."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on each GPU."""

    weights: float
    """The base's and LoRA's, or this process's part of them."""
    window: float
    """What ZeRO-3 has gathered of the other processes' parts."""
    bucket: float
    """Gradients on their way between processes."""
    trained: float
    """Gradients of what trains, their sum, its 32-bit copy and both moments."""
    activations: float
    """What the backward pass needs of the forward pass."""
    logits: float
    """Logits of the positions that are learned from."""
    step: float
    """What the optimiser's step adds; by then activations and logits are gone."""
    overhead: float
    """Context, NCCL, vision tower."""

    @property
    def total(self) -> float:
        """The most that is there at one time."""
        always = self.weights + self.window + self.bucket + self.trained + self.overhead
        return always + max(self.activations + self.logits, self.step)

    @property
    def needed(self) -> float:
        """The same with the reserve."""
        return self.total * (1 + RESERVE)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it, in bytes."""
        parts = {f"{name}_bytes": round(value) for name, value in asdict(self).items()}
        return parts | {
            "total_bytes": round(self.total),
            "with_reserve_bytes": round(self.needed),
        }


def peak_memory(task: Task, layout: Layout, batches: Iterable[MicroBatch]) -> Memory:
    """Return the memory of a GPU while it has its largest micro-batch.

    Args:
        task: What is trained.
        layout: How it is shared out.
        batches: The micro-batches, at least one.
    """
    # Everything else is the same for all of them.
    activations, logits = max(
        (
            (_activations(task, layout, batch.positions), _logits(task.shape, batch.logits))
            for batch in batches
        ),
        key=sum,
    )
    trainable, processes, stage = task.trainable_parameters, layout.processes, layout.zero_stage
    all_weights = _weights(task, layout) + task.dtype_bytes * trainable
    everything = task.shape.parameters + trainable
    window = task.dtype_bytes * min(LIVE_PARAMETERS + _PREFETCHED, everything)
    # A bucket in the model's format, and the same numbers in the 32 bits they are summed in.
    in_bucket = task.dtype_bytes + (4 if task.dtype_bytes < 4 else 0)
    return Memory(
        weights=all_weights / processes if stage == 3 else all_weights,
        window=window if stage == 3 else 0.0,
        bucket=in_bucket * min(REDUCE_BUCKET, trainable) if stage else 0.0,
        trained=_trained(task, layout),
        activations=activations,
        logits=logits,
        # AdamW's square root of the second moment, and the gradients as one flat tensor.
        step=8 * trainable / (processes if stage else 1),
        overhead=_OVERHEAD_BYTES if task.on_gpu else 0.0,
    )


def layer_bytes_a_token(task: Task) -> float:
    """Return what the backward pass of one decoder layer needs of its forward pass, a token.

    With dropout: 8h for the two norms, which keep their input in 32 bits, and 18h + 5i numbers of
    the model's format: six inputs of LoRA of width h and one of width i, each dropped out by itself
    and with its mask; queries, keys, values and output of the attention; gate, its activation and
    the other branch; 2h for the gradients that come in and go out. In 16 bits 44h + 10i bytes, 363
    KB at 13B. Without dropout the inputs are shared: 8h and 8h + 4i.

    Here a mask has the format of the numbers, as on the CPU where this was measured. On a GPU it
    takes a byte; the backward pass of the feed-forward part then has what that leaves.
    """
    hidden, intermediate = task.shape.hidden, task.shape.intermediate
    numbers = 18 * hidden + 5 * intermediate if task.has_dropout else 8 * hidden + 4 * intermediate
    return 8 * hidden + task.dtype_bytes * numbers


def _activations(task: Task, layout: Layout, positions: int) -> float:
    shape = task.shape
    if not layout.gradient_checkpointing:
        return positions * shape.layers * layer_bytes_a_token(task)
    # Each layer's input, and everything of the one layer that is being computed again.
    inputs = shape.layers * task.dtype_bytes * shape.hidden
    return positions * (inputs + layer_bytes_a_token(task))


def _logits(shape: Shape, kept: int) -> float:
    return _BYTES_A_LOGIT * kept * shape.vocabulary


def _weights(task: Task, layout: Layout) -> float:
    """Return the bytes of the whole base."""
    shape = task.shape
    if layout.load_in is None:
        return task.dtype_bytes * shape.parameters
    # Only the decoder's layers are quantised, and only the frozen base.
    plain = task.dtype_bytes * (shape.parameters - shape.in_layers)
    return plain + _BYTES_A_QUANTISED_NUMBER[layout.load_in] * shape.in_layers


def _trained(task: Task, layout: Layout) -> float:
    """Return the bytes of gradients, their sum, the 32-bit copy and the two moments.

    18 bytes a number in 16 bits: 2 + 4 + 4 + 8. In 32 bits the gradient is its own sum: 16.
    """
    gradients = task.dtype_bytes + (4 if task.dtype_bytes < 4 else 0)
    copies_and_moments = 4 + 8
    parted, whole = copies_and_moments, gradients
    if layout.zero_stage >= 2:
        parted, whole = copies_and_moments + gradients, 0
    elif layout.zero_stage == 0:
        parted, whole = 0, copies_and_moments + gradients
    return task.trainable_parameters * (parted / layout.processes + whole)
