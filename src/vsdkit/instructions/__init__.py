"""``vsdkit build-instructions``: VSD's JSON becomes instruction rows and gold rows."""

from __future__ import annotations

from vsdkit.instructions.build import BuildInstructionsReport
from vsdkit.instructions.build import build_instructions as run_build
from vsdkit.settings.build_instructions import BuildInstructionsSettings
from vsdkit.settings.verb import verb

__all__ = ["BuildInstructionsReport", "build_instructions"]

build_instructions = verb(BuildInstructionsSettings)(run_build)
