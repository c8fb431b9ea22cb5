"""Options that several commands share, each named once."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from vsdkit.cli.output import Output

__all__ = [
    "ConfigOption",
    "ImagesOption",
    "JsonOption",
    "OverwriteOption",
    "QuietOption",
    "SeedOption",
    "option",
    "output",
]


def option(*names: str, help: str, default: object = None, **parameters: Any) -> Any:  # noqa: A002
    """Return a Typer option whose shown default is the setting's.

    The parameter's own default is None (not given), so that a file of settings can set it; a test
    compares ``default`` with the command's settings.
    """
    shown = False if default is None else str(default)
    return typer.Option(*names, help=help, show_default=shown, **parameters)


JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON, and no progress.")
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print no messages and no progress.")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", help="YAML file with any of the settings; a flag goes over it.", metavar="FILE"
    ),
]
ImagesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--images",
        help="Folder of pictures, searched below too; give it several times for several folders.",
        metavar="FOLDER",
    ),
]
SeedOption = Annotated[int | None, option("--seed", help="Seed of every random choice.", default=0)]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Begin anew although an older result is there.")
]


def output(*, as_json: bool, quiet: bool) -> Output:
    """Return where the command prints; bars of other libraries are shown where ours are."""
    if quiet or as_json or not sys.stderr.isatty():
        # tqdm reads it when it is imported, which is after this: transformers and the hub use it.
        os.environ["TQDM_DISABLE"] = "1"
    return Output(as_json=as_json, quiet=quiet)
