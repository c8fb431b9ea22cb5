"""``vsdkit diversify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vsdkit.cli import options

__all__ = ["diversify"]

_option = options.option


def diversify(
    *,
    preds: Annotated[
        Path | None, typer.Argument(help="Predictions.", show_default="preds.jsonl")
    ] = None,
    gold: Annotated[
        Path | None,
        _option("--gold", help="The items that were predicted.", default="gold.jsonl"),
    ] = None,
    engine: Annotated[
        str | None,
        _option(
            "--engine",
            help="transformers: a model here; openai: a server; rules: no model.",
            default="transformers",
        ),
    ] = None,
    model: Annotated[
        str | None,
        _option("--model", help="The rewriting model.", default="Qwen/Qwen2-7B-Instruct"),
    ] = None,
    prompt: Annotated[
        str | None,
        _option("--prompt", help="The rewriting prompt: paper, plain or a file.", default="paper"),
    ] = None,
    base_url: Annotated[
        str | None,
        _option("--base-url", help="The server's address, as http://localhost:8000/v1."),
    ] = None,
    concurrency: Annotated[
        int | None, _option("--concurrency", help="Questions to it at once.", default=8)
    ] = None,
    attempts: Annotated[
        int | None, _option("--attempts", help="Tries before a sentence is kept.", default=3)
    ] = None,
    output: Annotated[
        Path | None,
        _option("--output", "-o", help="Rewritten predictions.", default="preds.diverse.jsonl"),
    ] = None,
    seed: options.SeedOption = None,
    overwrite: options.OverwriteOption = False,
    config: options.ConfigOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Rewrite the second of each three sentences so that they differ.

    A rewrite that loses an object or the relation, or keeps two words in a row, is not taken.
    """
    from vsdkit.diversify import diversify
    from vsdkit.settings.diversify import DiversifySettings
    from vsdkit.settings.resolve import resolve

    flags: dict[str, object] = {"preds": preds, "gold": gold, "engine": engine, "model": model}
    flags |= {"prompt": prompt}
    flags |= {"base_url": base_url, "concurrency": concurrency, "attempts": attempts}
    flags |= {"output": output, "seed": seed, "overwrite": overwrite or None}
    settings, origins = resolve(DiversifySettings, flags=flags, config=config)
    listener = options.output(as_json=as_json, quiet=quiet)
    report = diversify(settings, listener=listener, origins=origins)
    listener.show(report)
