"""``vsdkit build-instructions``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vsdkit.cli import options

__all__ = ["build_instructions"]

_option = options.option


def build_instructions(
    *,
    v1: Annotated[
        Path | None, typer.Argument(help="VSDv1's JSON file.", show_default=False)
    ] = None,
    v2: Annotated[
        Path | None, typer.Argument(help="VSDv2's JSON file, same split.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None,
        _option("--output", "-o", help="Instruction rows.", default="instructions.jsonl"),
    ] = None,
    gold: Annotated[
        Path | None, _option("--gold", help="Gold rows for infer and score.", default="gold.jsonl")
    ] = None,
    template: Annotated[
        str | None,
        _option("--template", help="paper, varied, beyond or a YAML file.", default="paper"),
    ] = None,
    pairs: Annotated[
        str | None,
        _option("--pairs", help="first or all pairs of a picture.", default="first"),
    ] = None,
    tasks: Annotated[
        str | None,
        _option("--tasks", help="Tasks that get instruction rows.", default="1,2,3"),
    ] = None,
    format: Annotated[  # noqa: A002
        str | None,
        _option("--format", help="jsonl, or json: LLaVA's list.", default="jsonl"),
    ] = None,
    rejects: Annotated[
        Path | None,
        _option("--rejects", help="Keep what is left out, with the reason.", metavar="FILE"),
    ] = None,
    seed: options.SeedOption = None,
    config: options.ConfigOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Make instruction rows and gold rows of VSDv1 and VSDv2."""
    from vsdkit.instructions import build_instructions
    from vsdkit.settings.build_instructions import BuildInstructionsSettings
    from vsdkit.settings.resolve import resolve

    flags: dict[str, object] = {"v1": v1, "v2": v2, "output": output, "gold": gold}
    flags |= {
        "template": template,
        "pairs": pairs,
        "tasks": tasks,
        "format": format,
        "rejects": rejects,
        "seed": seed,
    }
    settings, origins = resolve(BuildInstructionsSettings, flags=flags, config=config)
    listener = options.output(as_json=as_json, quiet=quiet)
    report = build_instructions(settings, listener=listener, origins=origins)
    listener.show(report)
