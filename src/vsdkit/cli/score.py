"""``vsdkit score``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vsdkit.cli import options

__all__ = ["score"]


def score(
    *,
    preds: Annotated[
        Path | None, typer.Argument(help="Predictions.", show_default="preds.jsonl")
    ] = None,
    gold: Annotated[
        Path | None, typer.Argument(help="Gold rows.", show_default="gold.jsonl")
    ] = None,
    items: Annotated[
        Path | None,
        options.option("--items", help="Write every row's own numbers here.", metavar="FILE"),
    ] = None,
    allow_missing: Annotated[
        bool | None,
        options.option("--allow-missing", help="Count missing predictions as wrong."),
    ] = None,
    config: options.ConfigOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Score predictions as the challenge words it: F1, BLEU-4, SPICE, mBLEU-4, overall.

    The first run fetches 17 MB for SPICE. Without it every other number is printed, SPICE and
    the totals are n/a, and the exit code is 3.
    """
    from vsdkit.score import score
    from vsdkit.settings.resolve import resolve
    from vsdkit.settings.score import ScoreSettings

    flags = {"preds": preds, "gold": gold, "items": items, "allow_missing": allow_missing}
    settings, origins = resolve(ScoreSettings, flags=flags, config=config)
    listener = options.output(as_json=as_json, quiet=quiet)
    report = score(settings, listener=listener, origins=origins)
    columns = ("number", "value", "signature")
    listener.result(report.to_dict(), columns=columns, rows=report.table(), notes=report.notes())
    report.require_complete()
