"""``vsdkit infer``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vsdkit.cli import options

__all__ = ["infer"]

_option = options.option


def infer(
    *,
    items: Annotated[
        Path | None,
        typer.Argument(
            help="gold.jsonl, or pairs of your own (JSONL, CSV).", show_default="gold.jsonl"
        ),
    ] = None,
    images: Annotated[
        list[Path] | None,
        _option(
            "--images",
            help="Folder of pictures, searched below too; several times for several folders.",
            metavar="FOLDER",
            default="images",
        ),
    ] = None,
    adapter: Annotated[
        Path | None,
        _option("--adapter", help="Run folder; else the newest in runs/.", metavar="FOLDER"),
    ] = None,
    base: Annotated[
        str | None, _option("--base", help="Base model that answers without an adapter.")
    ] = None,
    template: Annotated[
        str | None, _option("--template", help="Questions; an adapter brings its own.")
    ] = None,
    conversation: Annotated[
        str | None, _option("--conversation", help="Conversation; an adapter brings its own.")
    ] = None,
    image_mode: Annotated[
        str | None,
        _option("--image-mode", help="single or anyres; an adapter brings its own."),
    ] = None,
    output: Annotated[
        Path | None, _option("--output", "-o", help="Predictions.", default="preds.jsonl")
    ] = None,
    tasks: Annotated[str | None, _option("--tasks", help="Tasks to ask.", default="1,2,3")] = None,
    batch_size: Annotated[
        int | None, _option("--batch-size", help="Rows answered at once.", default=8)
    ] = None,
    precision: Annotated[
        str | None, _option("--precision", help="auto, fp16, bf16 or fp32.", default="auto")
    ] = None,
    limit: Annotated[
        int | None, _option("--limit", help="Only the first so many items.", metavar="N")
    ] = None,
    overwrite: options.OverwriteOption = False,
    config: options.ConfigOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Let the model answer: a label, a sentence, or three sentences for each pair of objects.

    Run again, it goes on where it stopped.
    """
    from vsdkit.infer import infer
    from vsdkit.settings.infer import InferSettings
    from vsdkit.settings.resolve import resolve

    flags: dict[str, object] = {
        "items": items,
        "images": images or None,
        "adapter": adapter,
        "base": base,
    }
    flags |= {"template": template, "conversation": conversation, "image_mode": image_mode}
    flags |= {"output": output, "tasks": tasks, "batch_size": batch_size, "precision": precision}
    flags |= {"limit": limit, "overwrite": overwrite or None}
    settings, origins = resolve(InferSettings, flags=flags, config=config)
    listener = options.output(as_json=as_json, quiet=quiet)
    report = infer(settings, listener=listener, origins=origins)
    listener.show(report)
