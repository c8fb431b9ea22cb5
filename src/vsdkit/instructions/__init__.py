"""Turn VSD's JSON into instruction rows and gold rows: ``vsdkit build-instructions``."""

from __future__ import annotations

from vsdkit.instructions.build import BuildInstructionsReport, build_instructions

__all__ = ["BuildInstructionsReport", "build_instructions"]
