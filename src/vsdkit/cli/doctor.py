"""``vsdkit doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from vsdkit.cli import options

__all__ = ["doctor"]


def doctor(
    *,
    install_spice: Annotated[
        bool | None,
        options.option("--install-spice", help="Have SPICE's 17 MB of files, now."),
    ] = None,
    source: Annotated[
        Path | None,
        options.option(
            "--from",
            help="Install them from CoreNLP 3.6.0's zip or jars, or a folder with them, without a "
            "network.",
            metavar="FILE",
        ),
    ] = None,
    clear_cache: Annotated[
        bool | None,
        options.option("--clear-cache", help="Delete parsed sentences kept between runs."),
    ] = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Look at Python, packages, GPU, Java and SPICE; say for each fault the command that mends it.

    The exit code is 1 when a check failed.
    """
    from vsdkit.doctor import doctor
    from vsdkit.settings.doctor import DoctorSettings
    from vsdkit.settings.resolve import resolve

    flags = {"install_spice": install_spice, "source": source, "clear_cache": clear_cache}
    settings, origins = resolve(DoctorSettings, flags=flags)
    listener = options.output(as_json=as_json, quiet=quiet)
    report = doctor(settings, listener=listener, origins=origins)
    listener.show(report)
