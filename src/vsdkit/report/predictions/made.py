"""What run.json says of how a system's predictions were made, in short texts for a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vsdkit.conversation import Template, fill
from vsdkit.errors import VsdkitError

__all__ = ["questions_of", "run_facts"]

_SETTINGS = ("engine", "model", "adapter", "label", "load_in", "kind", "preds")
_IDENTITY = ("base", "conversation", "image_mode", "precision", "boxes_weight")
_UNUSED = {"rules": ("model",), "boxes": ("label", "precision")}
"""Engine to the settings that it has and does not look at."""
_SHOWN = 120
"""Longest text that is shown."""


def run_facts(made: Mapping[str, Any]) -> dict[str, str]:
    """Return what a run.json says, by label; empty if there is none.

    No address of a server is among it: pages are handed on.
    """
    found: dict[str, Any] = {}
    if made.get("command"):
        found["command"] = f"vsdkit {made['command']}"
    for part, names in (("settings", _SETTINGS), ("made_with", _IDENTITY)):
        values = made.get(part)
        if isinstance(values, dict):
            found |= {name: values.get(name) for name in names}
    for name in _UNUSED.get(str(found.get("engine")), ()):
        found.pop(name, None)
    versions = made.get("versions")
    found["made"] = _date(made.get("started"))
    if isinstance(seconds := made.get("seconds"), int | float):
        found["took"] = f"{seconds:,.0f} s"
    found["vsdkit"] = versions.get("vsdkit") if isinstance(versions, dict) else None
    return {
        name.replace("_", " "): text
        for name, value in found.items()
        if isinstance(value, str | int | float) and (text := _short(value)) and "://" not in text
    }


def questions_of(made: Mapping[str, Any]) -> dict[str, str]:
    """Return the question of each task that the model was asked, with {subject} and {object}.

    Empty where run.json does not have it: boxes are asked nothing.
    """
    identity = made.get("made_with")
    source = identity.get("template") if isinstance(identity, dict) else None
    if not isinstance(source, str):
        return {}
    try:
        template = Template.parse(source, where="run.json")
    except VsdkitError:
        # Of another version: the page does without.
        return {}
    places = {"T1": "{subject}", "T2": "{object}"}
    return {str(task): fill(texts[0], places) for task, texts in template.questions.items()}


def _date(started: object) -> str | None:
    try:
        return f"{datetime.fromisoformat(str(started)):%Y-%m-%d %H:%M %Z}"
    except ValueError:
        return None


def _short(value: object) -> str:
    # A conversation format is a whole file; its name stands in the first line.
    first = str(value).strip().split("\n", 1)[0].removeprefix("name: ")
    return first if len(first) <= _SHOWN else f"{first[: _SHOWN - 3]}..."
