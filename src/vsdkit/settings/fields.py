"""Fields that several commands' settings share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

__all__ = ["Tasks"]


def _split(value: Any) -> Any:
    if isinstance(value, int):
        return (value,)
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.split(",")]
    return tuple(dict.fromkeys(int(part) if part.isdecimal() else part for part in parts))


Tasks = Annotated[
    tuple[Literal[1, 2, 3], ...], BeforeValidator(_split), Field(min_length=1, max_length=3)
]
"""Tasks as ``"1,3"`` on the command line, as a list or one number in a file."""
