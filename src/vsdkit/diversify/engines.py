"""The table of engines: each name of ``--engine`` and the class behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsdkit.diversify.chat_server import ChatEngine
from vsdkit.diversify.rules import RuleEngine
from vsdkit.diversify.text_model import ModelEngine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vsdkit.diversify.engine import Engine
    from vsdkit.settings.diversify import DiversifySettings

__all__ = ["ENGINES", "make_engine"]

ENGINES: Mapping[str, type[Engine]] = {
    "transformers": ModelEngine,
    "openai": ChatEngine,
    "rules": RuleEngine,
}
"""Name to engine; ``DiversifySettings.engine`` lists the same names."""


def make_engine(settings: DiversifySettings) -> Engine:
    """Return the engine that the settings name."""
    return ENGINES[settings.engine].from_settings(settings)
