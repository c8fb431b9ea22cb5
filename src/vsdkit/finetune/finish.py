"""Loss curve, model card and record of a run whose steps are done; run.json comes last."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vsdkit.conversation import Conversation, Template
from vsdkit.data.jsonl import open_atomic, read_rows
from vsdkit.finetune.job import Job
from vsdkit.finetune.model_card import model_card
from vsdkit.finetune.rows import is_hub_id
from vsdkit.finetune.summary import FinishedRun, summarise
from vsdkit.manifest import Manifest
from vsdkit.model.run_folder import ADAPTER_WEIGHTS, LOSS_CURVE, METRICS, MODEL_CARD, TrainedRun

if TYPE_CHECKING:
    from vsdkit.model.precision import Precision

__all__ = ["finish"]


def finish(
    job: Job,
    *,
    manifest: Manifest,
    precision: Precision,
    evaluation: Mapping[str, Any] | None = None,
) -> None:
    """Write everything that stands beside the adapter, the completion mark last.

    Args:
        job: The run.
        manifest: Begun when training began.
        precision: What it ran in.
        evaluation: What ``Evaluation.run`` returned, if gold was asked.
    """
    # Matplotlib loads here: training itself does without.
    from vsdkit.plots import Run, write_curves

    folder = Path(job.folder)
    metrics = [row for _, row in read_rows(folder / METRICS)]
    curves = Run(folder.name, metrics)
    write_curves(folder / LOSS_CURVE, [curves])
    instructions = Path(job.settings["instructions"])
    gpus = [torch.cuda.get_device_name(gpu) for gpu in range(torch.cuda.device_count())]
    finite = [loss for loss in curves.losses if math.isfinite(loss)]
    run = FinishedRun(
        job,
        precision=precision.dtype_name,
        gpu_names=tuple(gpus) if job.plan["device"] == "cuda" else (),
        versions=manifest.versions,
        targets=_lora_targets(folder),
        first_loss=finite[0] if finite else None,
        last_loss=finite[-1] if finite else None,
        seconds=round(sum(row["seconds"] for row in metrics), 1),
    )
    with open_atomic(folder / MODEL_CARD) as file:
        file.write(model_card(run, metrics[-1]))
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
        inputs=[
            *([] if is_hub_id(instructions) else [instructions]),
            *([] if evaluation is None else [Path(evaluation["gold"])]),
        ],
        argv=job.argv,
        precision=run.precision,
        seed=job.settings["seed"],
        gpu_names=list(run.gpu_names),
        **job.plan,
        identity=job.identity,
        last_loss=run.last_loss,
        training_seconds=run.seconds,
        summary=summarise(run),
        **({} if evaluation is None else {"evaluation": dict(evaluation)}),
    )


def _lora_targets(folder: Path) -> tuple[str, ...]:
    """Return the names of the layers that the adapter in a folder changes, as ``q_proj``."""
    from safetensors import safe_open

    with safe_open(folder / ADAPTER_WEIGHTS, framework="pt") as file:
        names: list[str] = list(file.keys())
    layers = [name.partition(".lora_A.")[0] for name in names if ".lora_A." in name]
    return tuple(sorted({layer.rpartition(".")[2] for layer in layers}))
