"""``vsdkit ablate``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from vsdkit.cli.options import JsonOption, QuietOption, option, output
from vsdkit.errors import ConfigError


def ablate(
    *,
    preds: Annotated[
        Path | None, option("--preds", help="Predictions without rewriting.", default="preds.jsonl")
    ] = None,
    gold: Annotated[
        Path | None, option("--gold", help="What they are scored against.", default="gold.jsonl")
    ] = None,
    engine: Annotated[
        str | None,
        option(
            "--engine",
            help="What rewrites: transformers, openai or rules.",
            default="transformers",
        ),
    ] = None,
    model: Annotated[str | None, option("--model", help="The engine's model.")] = None,
    base_url: Annotated[
        str | None, option("--base-url", help="Address of the server, for --engine openai.")
    ] = None,
    folder: Annotated[
        Path | None, option("--folder", help="Where stages keep their files.", default="ablations")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="YAML file with stages and a grid; then --preds, --gold, --engine stay away.",
        ),
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare settings: with and without rewriting (the paper's Table 4), or a grid of your own."""
    from vsdkit.ablate import ablate as run_grid
    from vsdkit.ablate import table_four
    from vsdkit.settings.ablate import AblateSettings, GridSettings
    from vsdkit.settings.resolve import resolve

    out = output(as_json=as_json, quiet=quiet)
    given = {"preds": preds, "gold": gold, "engine": engine, "model": model, "base_url": base_url}
    if config is None:
        settings = resolve(AblateSettings, flags={**given, "folder": folder}).settings
        report = table_four(settings, listener=out)
    else:
        _refuse_beside_file(given)
        grid = resolve(GridSettings, flags={}, config=config).settings
        report = run_grid(grid, folder=folder or Path("ablations"), listener=out)
    out.show(report)


def _refuse_beside_file(given: Mapping[str, object]) -> None:
    for name, value in given.items():
        if value is not None:
            option_name = f"--{name.replace('_', '-')}"
            raise ConfigError(
                f"{option_name} has no meaning beside --config",
                where=option_name,
                hint="write it into the file: preds and gold at its top, others under stages",
            )
