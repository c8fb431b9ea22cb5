"""Settings of ``vsdkit doctor``: what is installed or cleared before the checks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import model_validator

from vsdkit.settings.resolve import Flag, Settings

__all__ = ["DoctorSettings"]


class DoctorSettings(Settings):
    """What is put right before the checks."""

    install_spice: bool = False
    """Have SPICE's files (17 MB) in the cache folder: fetched, or taken from ``--from``."""

    source: Annotated[Path | None, Flag(("--from",), metavar="FILE")] = None
    """CoreNLP 3.6.0's zip or jars, or another machine's folder; for machines without a network."""

    clear_cache: bool = False
    """Delete what is kept between runs: parsed sentences, servers' answers; SPICE's files stay."""

    @model_validator(mode="after")
    def _source_is_installed(self) -> DoctorSettings:
        if self.source is not None and not self.install_spice:
            raise ValueError("--from is of use with --install-spice only; name both")
        return self
