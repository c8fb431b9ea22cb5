"""Settings of a command from environment variables: VSDKIT_FINETUNE_LORA_RANK=64."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from vsdkit.errors import ConfigError
from vsdkit.settings.resolve import Settings, Variable, nearest
from vsdkit.settings.shape import Shape

__all__ = ["read_environment", "variable_name"]


def variable_name(command: str, setting: str) -> str:
    """Return the environment variable of a command's setting.

    >>> variable_name("build-instructions", "seed")
    'VSDKIT_BUILD_INSTRUCTIONS_SEED'
    """
    return f"vsdkit_{command}_{setting}".replace("-", "_").upper()


def read_environment(
    model: type[Settings], command: str, environ: Mapping[str, str] | None = None
) -> dict[str, Variable]:
    """Return the settings that the environment gives: each that has a flag can stand there.

    A list is comma separated; an empty value counts as not set.

    Args:
        model: The command's settings.
        command: Its name.
        environ: Variables and their values; None takes those of this process.

    Raises:
        ConfigError: If a variable that begins like one of this command is none of its settings.
    """
    environ = os.environ if environ is None else environ
    prefix = variable_name(command, "")
    shapes = {name: Shape.of(field) for name, field in model.model_fields.items()}
    known = {variable_name(command, name): name for name in shapes if shapes[name].flag.offered}
    # No settings, but options of the command line, which reads them itself.
    options = {variable_name(command, name) for name in ("config", "profile")}
    if model.profile is None:
        options.discard(variable_name(command, "profile"))
    found: dict[str, Variable] = {}
    for variable, text in environ.items():
        if not variable.startswith(prefix) or not text.strip() or variable in options:
            continue
        if variable not in known:
            raise ConfigError(
                f"{variable} is no setting of vsdkit {command}",
                where="environment",
                hint=nearest(variable, (*known, *options)),
            )
        name = known[variable]
        found[name] = Variable(variable, _value(text, shapes[name]))
    return found


def _value(text: str, shape: Shape) -> Any:
    if shape.several:
        return [part.strip() for part in text.split(",") if part.strip()]
    return shape.plain(text)
