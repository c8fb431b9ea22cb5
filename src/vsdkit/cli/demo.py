"""``vsdkit demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from vsdkit.cli.options import JsonOption, QuietOption, SeedOption, option, output


def demo(
    *,
    folder: Annotated[
        Path | None,
        option("--folder", help="Where everything is left to look into.", default="vsdkit-demo"),
    ] = None,
    scenes: Annotated[
        int | None, option("--scenes", help="Pictures to learn from.", default=4000)
    ] = None,
    held_out: Annotated[
        int | None, option("--held-out", help="Pictures to be tested on.", default=300)
    ] = None,
    steps: Annotated[
        int | None, option("--steps", help="Steps of fine-tuning, 16 rows each.", default=450)
    ] = None,
    processes: Annotated[
        int | None, option("--processes", help="Processes that train.", default=2)
    ] = None,
    seed: SeedOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Run the whole pipeline on synthetic scenes in minutes: no GPU, no download of weights."""
    from vsdkit.demo import demo as run_demo
    from vsdkit.settings.demo import DemoSettings
    from vsdkit.settings.resolve import resolve

    flags = {
        "folder": folder,
        "scenes": scenes,
        "held_out": held_out,
        "steps": steps,
        "processes": processes,
        "seed": seed,
    }
    out = output(as_json=as_json, quiet=quiet)
    settings = resolve(DemoSettings, flags=flags).settings
    report = run_demo(settings, listener=out, quiet=quiet or as_json)
    out.show(report)
