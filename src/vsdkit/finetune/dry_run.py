"""A run described before it starts: tokens, memory, disk, hours, and what its rows look like."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from vsdkit.data.cache import cache_folder
from vsdkit.errors import MissingInputError
from vsdkit.finetune.base import missing_blank
from vsdkit.finetune.dry_run_report import DryRunReport, MemoryReport, TokenReport
from vsdkit.finetune.estimate import (
    Layout,
    Machine,
    Memory,
    MicroBatch,
    Shape,
    Task,
    count_flop,
    find_change,
    hours_of,
    named_machine,
    peak_memory,
    this_machine,
)
from vsdkit.finetune.estimate.disk import CHECKPOINTS, Space, checkpoint_bytes
from vsdkit.finetune.order import Division
from vsdkit.finetune.plan import Plan, choose_zero_stage
from vsdkit.finetune.planned import Planned
from vsdkit.finetune.preflight import OpenedImages
from vsdkit.finetune.shown_rows import show_row
from vsdkit.finetune.tokens import CountedRows, RowCounter
from vsdkit.launch import Launch
from vsdkit.model.bases import check_base, is_at_hand
from vsdkit.model.precision import Precision, decide_precision
from vsdkit.progress import Listener
from vsdkit.settings.finetune import FinetuneSettings

if TYPE_CHECKING:
    pass

__all__ = ["describe_run"]

_SHOWN_ROWS = 3


def describe_run(planned: Planned, opened: OpenedImages, *, listener: Listener) -> DryRunReport:
    """Return what a run will be and take.

    Args:
        planned: The run.
        opened: The images that are here.
        listener: Shows a bar while rows are counted.

    Raises:
        ConfigError: If the named GPU is unknown, or does not have the number format asked for.
        DataError: If a row cannot be trained; its id is named.
    """
    settings, plan = planned.settings, planned.plan
    machine = (
        this_machine(plan.device, plan.processes_a_machine)
        if settings.gpu is None
        else named_machine(settings.gpu)
    )
    precision = _precision(settings, plan, machine)
    rows = planned.inputs.rows.without(opened.left_out_rows)
    counter = RowCounter(
        settings,
        rows,
        files=opened.images.files,
        conversation=planned.inputs.conversation,
        config=planned.config,
    )
    if counter.tokenizer is not None:
        warning = missing_blank(counter.tokenizer, planned.inputs.conversation, planned.config)
        if warning is not None:
            listener.message(warning)
    counted = counter.count(listener=listener)
    sizes = _Sizes(planned, counter, counted)
    task = Task(
        shape=Shape.of(planned.config),
        trainable_parameters=plan.trainable_parameters,
        dtype_bytes=4 if precision.dtype_name == "float32" else 2,
        has_dropout=settings.lora_dropout > 0,
        on_gpu=plan.device == "cuda",
    )
    layout = _layout(settings, plan)
    batches = sizes.batches(layout)
    flop = _flop_of_run(task, layout, batches, plan)
    return DryRunReport(
        plan=plan,
        command=_command(planned.launch),
        folder=planned.folder,
        settings={
            name: (value, planned.origins.get(name, "default"))
            for name, value in settings.model_dump(mode="json").items()
        },
        machine=machine,
        precision=precision,
        tokens=TokenReport.of(
            counted, batches, counter.assumptions, absent_images=counter.absent_images
        ),
        memory=_memory(task, layout, sizes, planned, machine),
        disk=_disk(planned, task),
        flop=flop,
        hours=hours_of(flop, machine, plan.processes),
        rows=[
            show_row(
                rows[place],
                counter=counter,
                conversation=planned.inputs.conversation,
                image_tokens=counted.image[place],
            )
            for place in range(min(_SHOWN_ROWS, len(rows)))
        ],
    )


class _Sizes:
    """The micro-batches of layouts, each made once."""

    def __init__(self, planned: Planned, counter: RowCounter, counted: CountedRows) -> None:
        self._planned = planned
        self._counter = counter
        self._counted = counted
        self._made = cache(self._make)

    def batches(self, layout: Layout) -> Sequence[MicroBatch]:
        """Return the micro-batches of the first epoch, of all processes."""
        return self._made(layout.per_device, layout.image_mode, layout.processes)

    def _make(self, per_device: int, image_mode: str, processes: int) -> list[MicroBatch]:
        settings, counted = self._planned.settings, self._counted
        if image_mode != settings.image_mode:
            config = check_base(settings.base, image_mode=image_mode, only_plans=True)
            image = self._counter.image_tokens(config, image_mode)
            counted = replace(counted, image=image)
        division = Division(
            steps=0,
            per_device=per_device,
            accumulation=settings.global_batch_size // (per_device * processes),
            processes=processes,
        )
        return counted.micro_batches(division, batching=settings.batching, seed=settings.seed)


def _layout(settings: FinetuneSettings, plan: Plan) -> Layout:
    return Layout(
        processes=plan.processes,
        per_device=plan.per_device_batch_size,
        zero_stage=plan.zero_stage,
        gradient_checkpointing=plan.gradient_checkpointing,
        image_mode=settings.image_mode,
        load_in=settings.load_in,
    )


def _precision(settings: FinetuneSettings, plan: Plan, machine: Machine) -> Precision:
    """Return the number format that a run on the machine will choose.

    Raises:
        ConfigError: If the GPU does not have the one asked for.
    """
    if plan.device == "cuda" and machine.gpu is None:
        # A GPU that was not asked, or stands elsewhere. All formats but one have 2 bytes.
        dtype = "float32" if settings.precision == "fp32" else "float16"
        return Precision("cuda", dtype, "sdpa", "16 bits: the GPUs were not asked")
    built_for = [machine.gpu.sm] if machine.gpu is not None else []
    return decide_precision(
        machine.gpu if plan.device == "cuda" else None,
        device="cuda" if plan.device == "cuda" else "cpu",
        precision=settings.precision,
        # Whether the torch of that machine has code for its GPU can only be told there.
        architectures=built_for,
        torch_version="",
    )


def _command(launch: Launch) -> str:
    try:
        return shlex.join(launch.command())
    except MissingInputError:
        # Whoever only plans need not have it: on macOS it cannot be installed.
        return shlex.join(launch.command("deepspeed"))


def _memory(
    task: Task, layout: Layout, sizes: _Sizes, planned: Planned, machine: Machine
) -> MemoryReport:
    def peak(other: Layout) -> Memory:
        return peak_memory(task, other, sizes.batches(other))

    settings, plan = planned.settings, planned.plan
    of_stage = {
        stage: peak(layout._replace(zero_stage=stage)) for stage in sorted({2, 3, plan.zero_stage})
    }
    usable = machine.memory_bytes
    change = None
    if usable is not None and of_stage[plan.zero_stage].needed > usable:
        change = find_change(
            layout,
            global_batch=plan.global_batch_size,
            usable_bytes=usable,
            more_gpus=task.on_gpu and settings.hostfile is None,
            peak=peak,
        )
    batches = sizes.batches(layout)
    return MemoryReport(
        of_stage=of_stage,
        stage=choose_zero_stage(
            settings.zero_stage,
            on_gpus=task.on_gpu,
            processes=plan.processes,
            quantised=settings.load_in is not None,
        ),
        usable_bytes=usable,
        largest=max(batch.positions for batch in batches),
        change=change,
    )


def _flop_of_run(task: Task, layout: Layout, epoch: Sequence[MicroBatch], plan: Plan) -> float:
    """Return the operations of all steps, from those of the first epoch."""
    steps_an_epoch = -(-plan.rows // plan.global_batch_size)
    return count_flop(task, layout, epoch) * plan.steps / steps_an_epoch


def _disk(planned: Planned, task: Task) -> list[Space]:
    settings, plan = planned.settings, planned.plan
    adapter = task.dtype_bytes * plan.trainable_parameters
    checkpoint = checkpoint_bytes(
        plan.trainable_parameters, dtype_bytes=task.dtype_bytes, zero_stage=plan.zero_stage
    )
    table = sum(Path(file).stat().st_size for file in planned.inputs.rows.files)
    here = is_at_hand(settings.base)
    return [
        # On the hub it lies in 16 bits, whatever it is trained in.
        Space(
            "base, here already" if here else "base, to fetch",
            0 if here else 2 * task.shape.parameters,
            _hub_folder(),
        ),
        Space(f"{CHECKPOINTS} checkpoints", CHECKPOINTS * checkpoint, settings.runs),
        Space("adapter", adapter, settings.runs),
        Space(f"rows, here already: {table / 1e6:,.0f} MB", 0, cache_folder()),
    ]


def _hub_folder() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)
