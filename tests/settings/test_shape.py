"""The shape of a setting: type of a value, choices, list or not, marks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from vsdkit.settings.commands import COMMANDS
from vsdkit.settings.finetune import FinetuneSettings
from vsdkit.settings.resolve import Flag, Settings
from vsdkit.settings.shape import Shape, rest_setting

_Inner = Annotated[Path, Flag(("-o",), metavar="FILE")]


class Example(Settings):
    """Settings of this test."""

    paths: Annotated[tuple[_Inner, ...], Field(min_length=1), Flag(metavar="FOLDER")] = ()
    """Several."""
    stage: Literal[0, 1] | None = None
    """Choices."""
    rate: float = 1.0
    """One."""
    name: str = ""
    """Text."""


def _shape(name: str) -> Shape:
    return Shape.of(Example.model_fields[name])


def test_type_choices_and_list_are_found_within() -> None:
    paths, stage = _shape("paths"), _shape("stage")
    assert (paths.kind, paths.choices, paths.several, paths.optional) == (Path, (), True, False)
    assert (stage.kind, stage.choices, stage.several, stage.optional) == (int, (0, 1), False, True)


def test_marks_within_and_around_are_one_and_the_outer_metavar_counts() -> None:
    assert _shape("paths").flag == Flag(("-o",), metavar="FOLDER")


@pytest.mark.parametrize(
    ("name", "typed", "expected"),
    [("stage", "1", 1), ("rate", "1e-3", 1e-3), ("rate", "x", "x"), ("name", "7", "7")],
)
def test_digits_become_a_number_where_a_number_is_taken(
    name: str, typed: str, expected: Any
) -> None:
    assert _shape(name).plain(typed) == expected


def test_finetune_alone_takes_words_behind_dashes() -> None:
    assert rest_setting(FinetuneSettings) == "deepspeed_args"
    taking = [name for name, one in COMMANDS.items() if rest_setting(one.load_settings())]
    assert taking == ["finetune"]
