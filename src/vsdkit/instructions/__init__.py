"""``vsdkit build-instructions``: VSD's JSON becomes instruction rows and gold rows."""

from __future__ import annotations

from vsdkit.instructions.build import BuildInstructionsReport, build_instructions

__all__ = ["BuildInstructionsReport", "build_instructions"]
