"""The numbers that follow from the settings: batches, steps, warm-up, what trains."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.errors import ConfigError
from vsdkit.launch import count_slots

if TYPE_CHECKING:
    from transformers import LlavaNextConfig

    from vsdkit.settings.finetune import FinetuneSettings

__all__ = ["Batches", "Plan", "Trainable", "count_trainable", "divide_batches", "make_plan"]

_ROWS_A_DEVICE = 16
_CHECKPOINTS_A_RUN = 10
_PROJECTIONS_A_LAYER = 7


class Batches(NamedTuple):
    """How a step's rows are shared out."""

    per_device: int
    accumulation: int


class Trainable(NamedTuple):
    """What trains."""

    lora_modules: int
    parameters: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that follows from the settings, the rows, the base and the machine."""

    rows: int
    pictures: int
    device: str
    processes: int
    processes_a_machine: int
    global_batch_size: int
    per_device_batch_size: int
    accumulation: int
    steps: int
    warmup_steps: int
    save_steps: int
    zero_stage: int
    gradient_checkpointing: bool
    loader_workers: int
    lora_modules: int
    trainable_parameters: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return it as a person reads it before a run."""
        where = f"{self.processes} process(es) on {'GPUs' if self.device == 'cuda' else 'CPU'}"
        return [
            f"{self.rows:,} rows about {self.pictures:,} pictures, {where}, "
            f"ZeRO stage {self.zero_stage}",
            f"global batch {self.global_batch_size:,} = {self.per_device_batch_size} per device "
            f"x {self.processes} x {self.accumulation} accumulated; {self.steps:,} steps, "
            f"{self.warmup_steps:,} of warm-up",
            f"LoRA on {self.lora_modules} modules of the language model, "
            f"{self.trainable_parameters:,} trainable parameters",
        ]


def make_plan(
    settings: FinetuneSettings,
    *,
    rows: int,
    pictures: int,
    visible_gpus: int,
    config: LlavaNextConfig,
) -> Plan:
    """Return the numbers of a run.

    Args:
        settings: What is asked for.
        rows: Instruction rows.
        pictures: Distinct pictures.
        visible_gpus: GPUs that this machine shows; 0 trains on the CPU.
        config: The base model's.

    Raises:
        ConfigError: If more GPUs are asked for than there are, or the batch does not divide.
        MissingInputError: If the host file is not there.
    """
    device = "cuda" if visible_gpus or settings.hostfile else "cpu"
    here, processes = _count_processes(settings, visible_gpus)
    batches = divide_batches(
        settings.global_batch_size, processes=processes, per_device=settings.per_device_batch_size
    )
    steps = settings.max_steps or settings.epochs * math.ceil(rows / settings.global_batch_size)
    trainable = count_trainable(
        config, rank=settings.lora_rank, train_projector=settings.train_projector
    )
    stage, checkpointing = settings.zero_stage, settings.gradient_checkpointing
    workers = settings.loader_workers
    several_cards = device == "cuda" and processes > 1
    return Plan(
        rows=rows,
        pictures=pictures,
        device=device,
        processes=processes,
        processes_a_machine=here,
        global_batch_size=settings.global_batch_size,
        per_device_batch_size=batches.per_device,
        accumulation=batches.accumulation,
        steps=steps,
        # Rounded up, as the Trainer does with a ratio: 948 steps have 29.
        warmup_steps=math.ceil(steps * settings.warmup_ratio),
        save_steps=settings.save_steps or math.ceil(steps / _CHECKPOINTS_A_RUN),
        zero_stage=stage if stage is not None else (3 if several_cards else 2),
        gradient_checkpointing=device == "cuda" if checkpointing is None else checkpointing,
        loader_workers=(4 if device == "cuda" else 0) if workers is None else workers,
        lora_modules=trainable.lora_modules,
        trainable_parameters=trainable.parameters,
    )


def divide_batches(global_batch: int, *, processes: int, per_device: int | None) -> Batches:
    """Return how a global batch is shared out over processes and turns.

    Args:
        global_batch: Rows a step.
        processes: How many train.
        per_device: Rows a process takes at once; None takes the largest number up to 16.

    Raises:
        ConfigError: If it does not divide; the nearest batch that does is named.

    >>> divide_batches(128, processes=8, per_device=None)
    Batches(per_device=16, accumulation=1)
    >>> divide_batches(128, processes=2, per_device=4)
    Batches(per_device=4, accumulation=16)
    """
    unit = processes * (per_device or 1)
    if global_batch % unit:
        what = f"{processes} process(es)"
        if per_device:
            what += f" x {per_device} rows per device"
        nearest = max(1, round(global_batch / unit)) * unit
        raise ConfigError(
            f"the global batch of {global_batch} rows does not divide by {what}",
            where="global_batch_size, per_device_batch_size, gpus",
            hint=f"--global-batch-size {nearest} divides",
        )
    share = global_batch // processes
    if per_device is None:
        per_device = next(n for n in range(min(_ROWS_A_DEVICE, share), 0, -1) if share % n == 0)
    return Batches(per_device, share // per_device)


def count_trainable(config: LlavaNextConfig, *, rank: int, train_projector: bool) -> Trainable:
    """Return what trains on a model of this shape, by arithmetic and without building it.

    The run counts the real modules and refuses to go on if they are not as many.

    Args:
        config: The base model's.
        rank: Rank of the LoRA weights.
        train_projector: Whether the projector trains too.

    Returns:
        280 modules and 500,695,040 parameters for LLaVA-1.6-Vicuna-13B at rank 128; with the
        projector 532,162,560.
    """
    text, vision = config.text_config, config.vision_config
    hidden, inner = text.hidden_size, text.intermediate_size
    head = getattr(text, "head_dim", None) or hidden // text.num_attention_heads
    queries, keys = head * text.num_attention_heads, head * text.num_key_value_heads
    # A layer's q, k, v, o, gate, up, down, each with two thin matrices: in x rank and rank x out.
    a_layer = 2 * (hidden + queries) + 2 * (hidden + keys) + 3 * (hidden + inner)
    parameters = text.num_hidden_layers * rank * a_layer
    if train_projector:
        layers = config.vision_feature_layer
        features = vision.hidden_size * (1 if isinstance(layers, int) else len(layers))
        bias = hidden if config.multimodal_projector_bias else 0
        parameters += features * hidden + bias + hidden * hidden + bias
    return Trainable(text.num_hidden_layers * _PROJECTIONS_A_LAYER, parameters)


def _count_processes(settings: FinetuneSettings, visible_gpus: int) -> tuple[int, int]:
    """Return the processes of a machine and of all machines."""
    if settings.hostfile is not None:
        slots = count_slots(settings.hostfile)
        least = min(slots.values())
        here = settings.gpus or least
        if here > least:
            raise ConfigError(
                f"{here} GPUs a machine asked for, a machine has {least}",
                where=f"--gpus, {settings.hostfile}",
                hint=f"--gpus {least}, or leave it out",
            )
        return here, here * len(slots)
    if visible_gpus and settings.gpus is not None and settings.gpus > visible_gpus:
        raise ConfigError(
            f"{settings.gpus} GPUs asked for, {visible_gpus} visible",
            where="--gpus",
            hint=f"--gpus {visible_gpus}, or leave it out; see nvidia-smi and CUDA_VISIBLE_DEVICES",
        )
    processes = settings.gpus or visible_gpus or 1
    return processes, processes
