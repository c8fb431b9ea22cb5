"""LLaVA-VSD as a tool: visual spatial description, from annotations to scores."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
