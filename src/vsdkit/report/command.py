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
    # A name that begins with a hyphen would be taken for an option.
    names = [f"./{path}" if str(path).startswith("-") else str(path) for path in settings.inputs]
    words = ["vsdkit", "report", *names]
    for name, field in type(settings).model_fields.items():
        value, flag = getattr(settings, name), Shape.of(field).flag
        if not flag.argument and value != field.get_default():
            words += _given(next(iter(flag.names), f"--{name.replace('_', '-')}"), value)
    return {
        "written": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        "command": readable(shlex.join(words)),
    }


def _given(option: str, value: Any) -> list[str]:
    if value is True:
        return [option]
    values = value if isinstance(value, tuple) else (value,)
    return [word for one in values for word in (option, str(one))]
