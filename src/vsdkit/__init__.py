"""LLaVA-VSD as a tool: visual spatial description, from annotations to scores.

Each command is also a function, of the package of its name, that takes its settings as keywords
and returns a report: ``from vsdkit.score import score``. ``vsdkit.load`` loads a model once, to
describe image after image; ``vsdkit.Spice`` is pycocoevalcap's class of that name without its Java.
``import vsdkit`` alone loads nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vsdkit.infer.describe import load
    from vsdkit.jvm.coco_spice import Spice

__version__ = "0.1.0"

__all__ = ["Spice", "__version__", "load"]

_MODULES = {"Spice": "vsdkit.jvm.coco_spice", "load": "vsdkit.infer.describe"}


def __getattr__(name: str) -> Any:
    """Return ``load`` or ``Spice``, whose module is imported when it is asked for first.

    Raises:
        AttributeError: If it is another name.
    """
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
