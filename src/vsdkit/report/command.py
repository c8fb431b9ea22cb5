"""The command that writes a page anew, word for word."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import Any

from vsdkit.report.page import readable
from vsdkit.settings.report import ReportSettings
from vsdkit.settings.shape import Shape

__all__ = ["describe_writing"]


def describe_writing(settings: ReportSettings) -> dict[str, str]:
    """Return when a page was written, and the command that writes it anew in the same folder."""
    words = ["vsdkit", "report"]
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        flag = Shape.of(field).flag
        if flag.argument:
            # A name that begins with a hyphen would be taken for an option.
            words += [f"./{path}" if str(path).startswith("-") else str(path) for path in value]
        elif value != field.get_default():
            option = next(iter(flag.names), f"--{name.replace('_', '-')}")
            words += _given(option, value)
    return {
        "written": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        "command": readable(shlex.join(words)),
    }


def _given(option: str, value: Any) -> list[str]:
    if value is True:
        return [option]
    values = value if isinstance(value, tuple) else (value,)
    return [word for one in values for word in (option, str(one))]
