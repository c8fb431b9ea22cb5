"""LLaVA-VSD as a tool: visual spatial description, from annotations to scores.

Each command is also a function, of the package of its name, that takes its settings as keywords
and returns a report: ``from vsdkit.score import score``. ``vsdkit.load`` loads a model once, to
describe image after image. ``import vsdkit`` alone loads nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vsdkit.infer.describe import load

__version__ = "0.1.0"

__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    """Return ``load``, whose module is imported when it is asked for first.

    Raises:
        AttributeError: If it is another name.
    """
    if name == "load":
        return importlib.import_module("vsdkit.infer.describe").load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
