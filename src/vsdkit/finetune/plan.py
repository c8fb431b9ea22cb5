"""The numbers that follow from the settings: batches, steps, warm-up, what trains."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.errors import ConfigError
from vsdkit.finetune.order import Division
from vsdkit.launch import count_processes, cpu_is_asked_for
from vsdkit.model.bases import family_of
from vsdkit.model.lora import count_trainable

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from vsdkit.settings.defaults import ImageMode
    from vsdkit.settings.finetune import FinetuneSettings

__all__ = [
    "Batches",
    "Plan",
    "ZeroStage",
    "choose_zero_stage",
    "divide_batches",
    "make_plan",
    "most_rows_alone",
    "plan_fewer",
    "rows_until",
]

_ROWS_A_DEVICE = 16
"""At most, where nothing is asked for: as LLaVA's ``finetune_task_lora.sh`` has it."""
_ANYRES_ROWS_A_DEVICE = 4
"""The same where each row has a high-resolution image of its own: about as many tokens."""
_CHECKPOINTS_A_RUN = 10
"""Where nothing is asked for: a stopped run loses a tenth of its time at most."""


class Batches(NamedTuple):
    """How a step's rows are shared out."""

    per_device: int
    """Rows a micro-batch: what a process takes at once."""
    accumulation: int
    """Micro-batches a step and process."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that follows from the settings, the rows, the base and the machine."""

    rows: int
    """Instruction rows."""
    pictures: int
    """Distinct images."""
    device: str
    """``cuda`` or ``cpu``."""
    processes: int
    """In all."""
    processes_a_machine: int
    """On each machine."""
    global_batch_size: int
    """Rows a step."""
    per_device_batch_size: int
    """Rows a micro-batch."""
    accumulation: int
    """Micro-batches a step and process."""
    steps: int
    """Optimiser steps of the run."""
    warmup_steps: int
    """Of these, with a rising learning rate."""
    save_steps: int
    """Steps from one checkpoint to the next."""
    zero_stage: int
    """DeepSpeed's ZeRO stage: 3 cuts the base up over the processes."""
    gradient_checkpointing: bool
    """Whether activations are computed again instead of kept."""
    loader_workers: int
    """Processes that open images, for each training process."""
    lora_modules: int
    """Layers with a LoRA adapter."""
    trainable_parameters: int
    """Numbers that a step changes."""

    @property
    def division(self) -> Division:
        """How its steps are shared out."""
        return Division(self.steps, self.per_device_batch_size, self.accumulation, self.processes)

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


def rows_until(step: int, *, rows: int, global_batch_size: int) -> int:
    """Return how many rows the steps up to one learn from: at the end of an epoch what is left.

    Args:
        step: Counted from 1.
        rows: Of the run.
        global_batch_size: Rows of a whole step.

    >>> [rows_until(step, rows=20, global_batch_size=8) for step in (1, 2, 3, 4)]
    [8, 16, 20, 28]
    """
    epochs, in_epoch = divmod(step, math.ceil(rows / global_batch_size))
    return epochs * rows + min(in_epoch * global_batch_size, rows)


def make_plan(
    settings: FinetuneSettings,
    *,
    rows: int,
    pictures: int,
    visible_gpus: int,
    config: PretrainedConfig,
) -> Plan:
    """Return the numbers of a run.

    Args:
        settings: What is asked for.
        rows: Instruction rows.
        pictures: Distinct images.
        visible_gpus: GPUs that this machine shows; 0 trains on the CPU.
        config: The base model's.

    Raises:
        ConfigError: If more GPUs are asked for than there are, the batch does not divide, or fp16
            is asked for without ZeRO.
        MissingInputError: If the host file is not there.
        CheckpointError: If LoRA does not fit the base.
    """
    refuse_fp16_without_zero(settings.zero_stage, fp16=settings.precision == "fp16")
    # Other machines have GPUs though this one, a cluster's login node, may have none.
    on_gpu = visible_gpus > 0 if settings.hostfile is None else not cpu_is_asked_for()
    device = "cuda" if on_gpu else "cpu"
    here, processes = count_processes(settings.gpus, settings.hostfile, visible_gpus=visible_gpus)
    alone = settings.batching == "rows"
    batches = divide_batches(
        settings.global_batch_size,
        processes=processes,
        per_device=settings.per_device_batch_size,
        most=most_rows_alone(settings.image_mode) if alone else _ROWS_A_DEVICE,
    )
    _refuse_unshared(settings, config)
    trainable = count_trainable(
        config, rank=settings.lora_rank, train_projector=settings.train_projector
    )
    checkpointing, workers = settings.gradient_checkpointing, settings.loader_workers
    return Plan(
        **_of_rows(settings, rows=rows, pictures=pictures),
        device=device,
        processes=processes,
        processes_a_machine=here,
        global_batch_size=settings.global_batch_size,
        per_device_batch_size=batches.per_device,
        accumulation=batches.accumulation,
        zero_stage=choose_zero_stage(
            settings.zero_stage,
            on_gpus=device == "cuda",
            processes=processes,
            quantised=settings.load_in is not None,
        ).number,
        gradient_checkpointing=device == "cuda" if checkpointing is None else checkpointing,
        loader_workers=(4 if device == "cuda" else 0) if workers is None else workers,
        lora_modules=trainable.lora_modules,
        trainable_parameters=trainable.parameters,
    )


class ZeroStage(NamedTuple):
    """DeepSpeed's ZeRO stage of a run."""

    number: int
    reason: str
    """Why this one, in a few words."""


def choose_zero_stage(
    asked: int | None, *, on_gpus: bool, processes: int, quantised: bool = False
) -> ZeroStage:
    """Return the ZeRO stage of a run: the one choice, of runs and of dry runs.

    It does not depend on the memory of the GPUs: the stage is part of a run's identity, and a run
    that is gone on with on other GPUs must still be the same one.

    Args:
        asked: What the settings say.
        on_gpus: Whether the processes have GPUs.
        processes: How many train, in all.
        quantised: Whether the base is kept in fewer bits.
    """
    if asked is not None:
        return ZeroStage(asked, "asked for")
    if on_gpus and quantised:
        return ZeroStage(2, "each process loads all of a quantised base, and it fits")
    if on_gpus and processes > 1:
        return ZeroStage(3, "several GPUs: each holds a part of the base")
    return ZeroStage(2, "one GPU holds all of the base" if on_gpus else "on the CPU")


def most_rows_alone(image_mode: ImageMode) -> int:
    """Return how many rows with an image each a process takes at once, where nothing is asked for.

    Args:
        image_mode: What the images are cut to.
    """
    return _ANYRES_ROWS_A_DEVICE if image_mode == "anyres" else _ROWS_A_DEVICE


def plan_fewer(plan: Plan, settings: FinetuneSettings, *, rows: int, pictures: int) -> Plan:
    """Return the numbers of a run of which some rows turned out to be left out."""
    return replace(plan, **_of_rows(settings, rows=rows, pictures=pictures))


def _of_rows(settings: FinetuneSettings, *, rows: int, pictures: int) -> dict[str, Any]:
    """Return the fields of a plan that follow from the number of rows."""
    steps = settings.max_steps or settings.epochs * math.ceil(rows / settings.global_batch_size)
    return {
        "rows": rows,
        "pictures": pictures,
        "steps": steps,
        # Rounded up, as the Trainer does with a ratio: 948 steps have 29.
        "warmup_steps": math.ceil(steps * settings.warmup_ratio),
        "save_steps": settings.save_steps or math.ceil(steps / _CHECKPOINTS_A_RUN),
    }


def refuse_fp16_without_zero(zero_stage: int | None, *, fp16: bool) -> None:
    """Raise if a run would train in fp16 at ZeRO stage 0.

    DeepSpeed does not scale the loss there, and divides the gradients by the loss scale all the
    same: the run would learn something else, and say nothing.

    Raises:
        ConfigError: If so.
    """
    if fp16 and zero_stage == 0:
        raise ConfigError(
            "ZeRO stage 0 does not train in fp16: DeepSpeed does not scale the loss there",
            where="zero_stage, precision",
            hint="--zero-stage 1 or more, or --precision bf16 on a GPU that has it, or fp32",
        )


def divide_batches(
    global_batch: int, *, processes: int, per_device: int | None, most: int = _ROWS_A_DEVICE
) -> Batches:
    """Return how a global batch is shared out over processes and micro-batches.

    Args:
        global_batch: Rows a step.
        processes: How many train.
        per_device: Rows a process takes at once; None takes the largest number up to ``most``.
        most: Rows a process takes at once at most, where nothing is asked for.

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
        per_device = next(n for n in range(min(most, share), 0, -1) if share % n == 0)
    return Batches(per_device, share // per_device)


def _refuse_unshared(settings: FinetuneSettings, config: PretrainedConfig) -> None:
    """Raise if images are to be shared and the base's family cannot."""
    family = family_of(config)
    if settings.batching == "pictures" and not family.shares_images:
        raise ConfigError(
            f"the rows of an image cannot share it with a {family.name} model",
            where="batching",
            hint="--batching rows",
        )
