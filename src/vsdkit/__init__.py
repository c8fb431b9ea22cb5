"""LLaVA-VSD as a tool: visual spatial description, from annotations to scores.

Each command is also a function, of the package of its name, that takes its settings as keywords
and returns a report: ``from vsdkit.score import score``. ``import vsdkit`` alone loads nothing.
"""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
