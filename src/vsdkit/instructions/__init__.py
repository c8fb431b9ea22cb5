"""Turn VSD's JSON into instruction rows and gold rows: ``vsdkit build-instructions``."""

from __future__ import annotations

from vsdkit.instructions.build import BuildInstructionsReport
from vsdkit.instructions.build import build_instructions as run_build
from vsdkit.settings.build_instructions import BuildInstructionsSettings
from vsdkit.settings.verb import verb

__all__ = ["BuildInstructionsReport", "build_instructions"]

build_instructions = verb(BuildInstructionsSettings)(run_build)
