"""Types of fields that several commands' settings share."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from vsdkit.data.pairs import ALL_PAIRS, NEAR_PAIRS
from vsdkit.data.records import parse_box
from vsdkit.errors import DataError
from vsdkit.settings.resolve import SAME_RESULT, Flag

__all__ = [
    "BoxEdges",
    "Folder",
    "Images",
    "OutputFile",
    "Pairs",
    "Paths",
    "Plots",
    "Reporters",
    "Seed",
    "Tasks",
]

# numpy and the chat protocol take seeds of 32 bits.
Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""Seed of random choices."""

Folder = Annotated[Path, Flag(metavar="FOLDER")]
"""A folder to read or to write."""

Images = Annotated[tuple[Path, ...], Field(min_length=1), Flag(metavar="FOLDER")]
"""Folders of pictures."""


def _as_list(value: Any) -> Any:
    return (value,) if isinstance(value, str | Path) else value


Paths = Annotated[tuple[Path, ...], BeforeValidator(_as_list), Flag(metavar="FILE")]
"""Files; one path stands for a list of one."""


def _split(value: Any) -> Any:
    if isinstance(value, int | str):
        value = (value,)
    if not isinstance(value, Iterable):
        return value
    parts = [part.strip() for entry in value for part in str(entry).split(",")]
    return tuple(dict.fromkeys(int(part) if part.isdecimal() else part for part in parts))


Tasks = Annotated[
    tuple[Literal[1, 2, 3], ...], BeforeValidator(_split), Field(min_length=1, max_length=3)
]
"""Tasks as ``"1,3"`` on the command line, as a list or one number in a file."""


Reporters = Annotated[
    tuple[Literal["tensorboard", "wandb", "trackio"], ...], BeforeValidator(_split)
]
"""Programs that show a run's curves, as tensorboard,wandb."""


def _read_pairs(value: Any) -> Any:
    chosen = str(value)
    if chosen in (ALL_PAIRS, NEAR_PAIRS) or (chosen.isdecimal() and int(chosen)):
        return chosen
    raise ValueError("expected all, near, or a whole number from 1 on")


Pairs = Annotated[str, BeforeValidator(_read_pairs), Flag(metavar="all|near|N")]
"""Which pairs of an image's objects are asked about."""


def _read_box(value: Any) -> Any:
    numbers = value
    if isinstance(value, str | list | tuple):
        parts = value.split(",") if isinstance(value, str) else value
        # On the command line a list of one text, in the environment a list of four.
        texts = [part for entry in parts for part in str(entry).split(",")]
        with suppress(ValueError):
            numbers = [float(text) if "." in text else int(text) for text in texts]
    try:
        return tuple(parse_box(numbers))
    except DataError as error:
        raise ValueError(error.message) from error


BoxEdges = Annotated[
    tuple[int | float, ...], BeforeValidator(_read_box), Flag(metavar="Y1,Y2,X1,X2")
]
"""A box in pixels, y first as in the VSD files, as ``"310,480,120,260"`` on the command line."""


def _names_a_file(value: Path) -> Path:
    # Told before hours of work, and not when the result is written.
    if not value.name or value.name == ".." or value.is_dir():
        raise ValueError("expected the name of a file, this is a folder")
    return value


OutputFile = Annotated[Path, AfterValidator(_names_a_file), Flag(metavar="FILE")]
"""A file to write; it need not be there yet."""


def _may_be_a_folder(value: Path | None) -> Path | None:
    if value is not None and value.exists() and not value.is_dir():
        raise ValueError("expected the name of a folder, this is a file")
    return value


Plots = Annotated[
    Path | None, AfterValidator(_may_be_a_folder), SAME_RESULT, Flag(metavar="FOLDER")
]
"""Where plots go, a folder that need not be there yet; without one nothing is drawn."""
