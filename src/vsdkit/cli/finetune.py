"""``vsdkit finetune``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vsdkit.cli import options

__all__ = ["finetune"]

_option = options.option

_Instructions = Annotated[
    Path | None,
    typer.Argument(help="Instruction rows.", show_default="instructions.jsonl"),
]
_Base = Annotated[
    str | None,
    _option(
        "--base",
        help="Base model: hub id, folder, or tiny.",
        default="llava-hf/llava-v1.6-vicuna-13b-hf",
    ),
]
_Name = Annotated[str | None, _option("--name", help="Name of the run's folder.")]
_Runs = Annotated[
    Path | None, _option("--runs", help="Folder that holds the runs.", default="runs")
]
_Gpus = Annotated[
    int | None,
    _option(
        "--gpus",
        help="GPUs to use, all by default; without a GPU, processes on the CPU.",
        metavar="N",
    ),
]
_Hostfile = Annotated[
    Path | None,
    _option("--hostfile", help="DeepSpeed's list of machines.", metavar="FILE"),
]
_Profile = Annotated[
    str | None,
    _option("--profile", help="Shipped settings: paper, anyres or tiny.", default="paper"),
]
_ImageMode = Annotated[
    str | None,
    _option("--image-mode", help="single tile, or anyres: high resolution.", default="single"),
]
_GlobalBatchSize = Annotated[
    int | None,
    _option("--global-batch-size", help="Rows a step over all processes.", default=128),
]
_PerDeviceBatchSize = Annotated[
    int | None,
    _option("--per-device-batch-size", help="Rows a process takes at once; derived."),
]
_Epochs = Annotated[int | None, _option("--epochs", help="Passes over the rows.", default=1)]
_MaxSteps = Annotated[
    int | None, _option("--max-steps", help="Train so many steps instead of epochs.")
]
_LearningRate = Annotated[
    float | None, _option("--learning-rate", help="Of the LoRA weights.", default=2e-4)
]
_LoraRank = Annotated[
    int | None, _option("--lora-rank", help="Rank of the LoRA weights.", default=128)
]
_LoraAlpha = Annotated[
    int | None, _option("--lora-alpha", help="Their scale times the rank.", default=256)
]
_LoraDropout = Annotated[
    float | None, _option("--lora-dropout", help="Dropout before them.", default=0.05)
]
_TrainProjector = Annotated[
    bool | None,
    _option("--train-projector", help="Also train the projector, whole."),
]
_Precision = Annotated[
    str | None, _option("--precision", help="auto, fp16, bf16 or fp32.", default="auto")
]
_ZeroStage = Annotated[int | None, _option("--zero-stage", help="3 on several GPUs, 2 otherwise.")]
_GradientCheckpointing = Annotated[
    bool | None,
    _option(
        "--gradient-checkpointing/--no-gradient-checkpointing",
        help="Compute activations twice to save memory; on with GPUs.",
    ),
]
_Conversation = Annotated[
    str | None,
    _option("--conversation", help="Conversation format or YAML file.", default="vicuna_v1"),
]
_Template = Annotated[
    str | None,
    _option("--template", help="Template of the rows; noted beside them otherwise."),
]
_SaveSteps = Annotated[
    int | None, _option("--save-steps", help="Steps between checkpoints; ten a run.")
]
_DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check all, print numbers and command, stop.")
]


def finetune(
    *,
    instructions: _Instructions = None,
    images: options.ImagesOption = None,
    base: _Base = None,
    name: _Name = None,
    runs: _Runs = None,
    gpus: _Gpus = None,
    hostfile: _Hostfile = None,
    profile: _Profile = None,
    image_mode: _ImageMode = None,
    global_batch_size: _GlobalBatchSize = None,
    per_device_batch_size: _PerDeviceBatchSize = None,
    epochs: _Epochs = None,
    max_steps: _MaxSteps = None,
    learning_rate: _LearningRate = None,
    lora_rank: _LoraRank = None,
    lora_alpha: _LoraAlpha = None,
    lora_dropout: _LoraDropout = None,
    train_projector: _TrainProjector = None,
    precision: _Precision = None,
    zero_stage: _ZeroStage = None,
    gradient_checkpointing: _GradientCheckpointing = None,
    conversation: _Conversation = None,
    template: _Template = None,
    save_steps: _SaveSteps = None,
    seed: options.SeedOption = None,
    dry_run: _DryRun = False,
    overwrite: options.OverwriteOption = False,
    config: options.ConfigOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Fine-tune LLaVA-1.6 with LoRA, launched by deepspeed; run again, it goes on."""
    given = locals()
    # A switch that is off was not given: a file of settings may turn it on.
    flags = {key: value or None for key, value in given.items() if key in _SWITCHES}
    flags |= {key: value for key, value in given.items() if key not in _SWITCHES | _NOT_SETTINGS}
    from vsdkit.finetune import finetune
    from vsdkit.settings.finetune import FinetuneSettings
    from vsdkit.settings.resolve import resolve

    resolved = resolve(FinetuneSettings, flags=flags, config=config, profile=profile or "paper")
    listener = options.output(as_json=as_json, quiet=quiet)
    report = finetune(resolved.settings, listener=listener, origins=resolved.origins)
    listener.show(report)


_SWITCHES = {"dry_run", "overwrite"}
_NOT_SETTINGS = {"profile", "config", "as_json", "quiet"}
