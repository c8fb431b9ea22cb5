"""The loss curve and the record of a run whose steps are done; run.json comes last."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vsdkit.conversation import Conversation, Template
from vsdkit.data.jsonl import read_rows
from vsdkit.finetune.job import Job
from vsdkit.finetune.rows import is_hub_id
from vsdkit.manifest import Manifest
from vsdkit.model.run_folder import LOSS_CURVE, METRICS, TrainedRun

if TYPE_CHECKING:
    from vsdkit.model.precision import Precision

__all__ = ["finish", "plot_losses"]

_SMOOTHED = 0.9
"""Weight of the steps before: a mean over about the last ten."""


def finish(job: Job, *, manifest: Manifest, precision: Precision) -> None:
    """Write everything that stands beside the adapter, the completion mark last.

    Args:
        job: The run.
        manifest: Begun when training began.
        precision: What it ran in.
    """
    folder = Path(job.folder)
    metrics = [row for _, row in read_rows(folder / METRICS)]
    plot_losses(metrics, folder / LOSS_CURVE)
    instructions = Path(job.settings["instructions"])
    gpus = [torch.cuda.get_device_name(gpu) for gpu in range(torch.cuda.device_count())]
    TrainedRun(
        folder=folder,
        base=job.settings["base"],
        base_commit=job.identity["base_commit"],
        image_mode=job.settings["image_mode"],
        template=Template.parse(job.template, where="template"),
        conversation=Conversation.parse(job.conversation, where="conversation"),
        training_images=frozenset(job.images),
    ).write(
        manifest,
        inputs=[] if is_hub_id(instructions) else [instructions],
        argv=job.argv,
        precision=precision.dtype_name,
        seed=job.settings["seed"],
        gpu_names=gpus if job.plan["device"] == "cuda" else [],
        **job.plan,
        identity=job.identity,
        last_loss=next((loss for loss in reversed(_losses(metrics)) if math.isfinite(loss)), None),
        training_seconds=round(sum(row["seconds"] for row in metrics), 1),
    )


def plot_losses(metrics: Sequence[dict[str, Any]], path: Path) -> None:
    """Plot the loss of each step, its running mean, and the learning rate.

    A step without a finite loss is a gap.

    Args:
        metrics: Rows of metrics.jsonl.
        path: A PNG file.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure

    steps = [row["step"] for row in metrics]
    losses = _losses(metrics)
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(steps, losses, color="tab:blue", alpha=0.35, linewidth=1, label="each step")
    axes.plot(steps, _smooth(losses), color="tab:blue", linewidth=2, label="running mean")
    axes.set(xlabel="step", ylabel="loss (mean over answer tokens)", ylim=(0, None))
    axes.grid(alpha=0.3)
    rates = axes.twinx()
    rates.plot(
        steps,
        [row["learning_rate"] for row in metrics],
        color="tab:orange",
        linewidth=1,
        linestyle="--",
        label="learning rate (right)",
    )
    rates.set(ylim=(0, None))
    rates.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    handles = [line for part in (axes, rates) for line in part.get_legend_handles_labels()[0]]
    axes.legend(handles=handles, loc="upper right")
    figure.savefig(path, dpi=120)


def _losses(metrics: Sequence[dict[str, Any]]) -> list[float]:
    """Return the steps' losses; NaN for null, as which JSON has whatever is not finite."""
    return [math.nan if row["loss"] is None else row["loss"] for row in metrics]


def _smooth(values: Sequence[float]) -> list[float]:
    """Return the exponential running mean, divided by its weights: no pull from a start at zero.

    A value that is not finite leaves a gap and counts for nothing afterwards.
    """
    smoothed, total, weight = [], 0.0, 0.0
    for value in values:
        if not math.isfinite(value):
            smoothed.append(math.nan)
            continue
        total = _SMOOTHED * total + value
        weight = _SMOOTHED * weight + 1
        smoothed.append(total / weight)
    return smoothed
