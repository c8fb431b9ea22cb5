"""Fields that several commands' settings share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

__all__ = ["OutputFile", "Tasks"]


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


def _names_a_file(value: Path) -> Path:
    # Told before hours of work, and not when the result is written.
    if not value.name or value.name == ".." or value.is_dir():
        raise ValueError("expected the name of a file, this is a folder")
    return value


OutputFile = Annotated[Path, AfterValidator(_names_a_file)]
"""A file to write; it need not be there yet."""
