"""``vsdkit build-instructions``."""

from __future__ import annotations


def build_instructions() -> None:
    """Build."""
