"""What the first process leaves in the run folder when the steps are done; run.json comes last."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vsdkit.conversation import Conversation, Template
from vsdkit.data.jsonl import open_atomic, read_rows
from vsdkit.finetune.job import ADAPTER_FILES, METRICS, RUN, TRAINING_IMAGES, Job
from vsdkit.manifest import Manifest

if TYPE_CHECKING:
    from vsdkit.model.precision import Precision

__all__ = ["draw_losses", "finish"]

_SMOOTHED = 0.9


def finish(job: Job, *, manifest: Manifest, precision: Precision) -> None:
    """Write everything that stands beside the adapter, the completion mark last.

    Args:
        job: The run.
        manifest: Begun when training began.
        precision: What it ran in.
    """
    folder = Path(job.folder)
    for name, text in (("template.yaml", job.template), ("conversation.yaml", job.conversation)):
        _write(folder / name, text)
    _write(folder / TRAINING_IMAGES, "".join(f"{name}\n" for name in sorted(job.pictures)))
    metrics = [row for _, row in read_rows(folder / METRICS)]
    draw_losses(metrics, folder / "loss.png")
    plan = dict(job.plan)
    gpus = [torch.cuda.get_device_name(gpu) for gpu in range(torch.cuda.device_count())]
    manifest.write(
        folder / RUN,
        inputs=[Path(job.settings["instructions"])],
        outputs=[folder / name for name in ADAPTER_FILES],
        argv=job.argv,
        base=job.settings["base"],
        image_mode=job.settings["image_mode"],
        precision=precision.dtype_name,
        template=Template.parse(job.template, where="template").name,
        template_text=job.template,
        conversation=Conversation.parse(job.conversation, where="conversation").name,
        seed=job.settings["seed"],
        gpu_names=gpus if plan["device"] == "cuda" else [],
        **plan,
        identity=job.identity,
        last_loss=metrics[-1]["loss"],
        training_seconds=round(sum(row["seconds"] for row in metrics), 1),
        complete=True,
    )


def draw_losses(metrics: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the loss of each step, its running mean, and the learning rate.

    Args:
        metrics: Rows of metrics.jsonl.
        path: A PNG file.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure

    steps = [row["step"] for row in metrics]
    losses = [row["loss"] for row in metrics]
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


def _smooth(values: Sequence[float]) -> list[float]:
    """Return the running mean, without the pull of a start at zero."""
    smoothed, total, weight = [], 0.0, 0.0
    for value in values:
        total = _SMOOTHED * total + value
        weight = _SMOOTHED * weight + 1
        smoothed.append(total / weight)
    return smoothed


def _write(path: Path, text: str) -> None:
    with open_atomic(path) as file:
        file.write(text)
