"""``vsdkit finetune``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vsdkit.cli import options

__all__ = ["finetune"]

_option = options.option


def finetune(
    *,
    instructions: Annotated[
        Path | None,
        typer.Argument(help="Instruction rows.", show_default="instructions.jsonl"),
    ] = None,
    images: options.ImagesOption = None,
    base: Annotated[
        str | None,
        _option(
            "--base",
            help="Base model: hub id, folder, or tiny.",
            default="llava-hf/llava-v1.6-vicuna-13b-hf",
        ),
    ] = None,
    name: Annotated[str | None, _option("--name", help="Name of the run's folder.")] = None,
    runs: Annotated[
        Path | None, _option("--runs", help="Folder that holds the runs.", default="runs")
    ] = None,
    gpus: Annotated[
        int | None,
        _option(
            "--gpus",
            help="Cards to use, all by default; without a card, processes on the CPU.",
            metavar="N",
        ),
    ] = None,
    hostfile: Annotated[
        Path | None,
        _option("--hostfile", help="DeepSpeed's list of machines.", metavar="FILE"),
    ] = None,
    profile: Annotated[
        str | None,
        _option("--profile", help="Shipped settings: paper, anyres or tiny.", default="paper"),
    ] = None,
    image_mode: Annotated[
        str | None,
        _option("--image-mode", help="single tile, or anyres: high resolution.", default="single"),
    ] = None,
    global_batch_size: Annotated[
        int | None,
        _option("--global-batch-size", help="Rows a step over all processes.", default=128),
    ] = None,
    per_device_batch_size: Annotated[
        int | None,
        _option("--per-device-batch-size", help="Rows a process takes at once; derived."),
    ] = None,
    epochs: Annotated[
        int | None, _option("--epochs", help="Passes over the rows.", default=1)
    ] = None,
    max_steps: Annotated[
        int | None, _option("--max-steps", help="Train so many steps instead of epochs.")
    ] = None,
    learning_rate: Annotated[
        float | None, _option("--learning-rate", help="Of the LoRA weights.", default=2e-4)
    ] = None,
    lora_rank: Annotated[
        int | None, _option("--lora-rank", help="Rank of the LoRA weights.", default=128)
    ] = None,
    lora_alpha: Annotated[
        int | None, _option("--lora-alpha", help="Their scale times the rank.", default=256)
    ] = None,
    lora_dropout: Annotated[
        float | None, _option("--lora-dropout", help="Dropout before them.", default=0.05)
    ] = None,
    train_projector: Annotated[
        bool | None,
        _option("--train-projector", help="Also train the projector, whole.", is_flag=True),
    ] = None,
    precision: Annotated[
        str | None, _option("--precision", help="auto, fp16, bf16 or fp32.", default="auto")
    ] = None,
    zero_stage: Annotated[
        int | None, _option("--zero-stage", help="3 on several cards, 2 otherwise.")
    ] = None,
    gradient_checkpointing: Annotated[
        bool | None,
        _option(
            "--gradient-checkpointing/--no-gradient-checkpointing",
            help="Compute activations twice to save memory; on with cards.",
        ),
    ] = None,
    conversation: Annotated[
        str | None,
        _option("--conversation", help="Conversation format or YAML file.", default="vicuna_v1"),
    ] = None,
    template: Annotated[
        str | None,
        _option("--template", help="Template of the rows; noted beside them otherwise."),
    ] = None,
    save_steps: Annotated[
        int | None, _option("--save-steps", help="Steps between checkpoints; ten a run.")
    ] = None,
    seed: options.SeedOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check all, print numbers and command, stop.")
    ] = False,
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
    listener.result(report.to_dict(), columns=("", "value"), rows=report.table())


_SWITCHES = {"dry_run", "overwrite"}
_NOT_SETTINGS = {"profile", "config", "as_json", "quiet"}
