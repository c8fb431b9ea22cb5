"""Printed settings are a file for --config: every value, its origin as a comment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsdkit.cli.config_text import config_data, config_text
from vsdkit.data.yaml_text import parse_mapping
from vsdkit.settings.ablate import AblateSettings
from vsdkit.settings.commands import COMMANDS
from vsdkit.settings.resolve import Resolved, Settings, resolve


class Example(Settings):
    """Settings of this test."""

    name: str = "x"
    """A text."""
    paths: tuple[Path, ...] = ()
    """Files."""
    rate: float = 1e-5
    """A number."""


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: command.name)
def test_defaults_of_every_command_come_back(command: Any, tmp_path: Path) -> None:
    fields = command.load_settings().model_fields
    needed = {name: f"{name}.json" for name, field in fields.items() if field.is_required()}
    resolved = resolve(command.load_settings(), flags=needed)
    path = tmp_path / "printed.yaml"
    path.write_text(config_text(resolved, head=f"vsdkit {command.name}"), encoding="utf-8")
    again = resolve(command.load_settings(), flags={}, config=path)
    assert again.settings == resolved.settings
    assert set(again.origins.values()) == {str(path)}
    assert all(len(line) <= 80 for line in path.read_text().splitlines())


def test_a_grid_comes_back(tmp_path: Path) -> None:
    grid = {"grid": {"finetune.lora_rank": [8, 16]}, "stages": {"finetune": {"base": "tiny"}}}
    resolved = resolve(AblateSettings, flags=grid)
    path = tmp_path / "printed.yaml"
    path.write_text(config_text(resolved, head="vsdkit ablate"))
    assert resolve(AblateSettings, flags={}, config=path).settings == resolved.settings


def test_the_origin_stands_behind_the_value_or_above_a_long_one() -> None:
    long = "a" * 90
    resolved = Resolved(
        Example(name=long, paths=(Path("a"), Path("b"))),
        {"name": "flag", "paths": "my\nfile\x1b.yaml", "rate": "default"},
    )
    assert config_text(resolved, head="vsdkit example").splitlines() == [
        "# vsdkit example",
        "# flag",
        f"name: {long}",
        "paths: [a, b]  # my file\ufffd.yaml",
        "rate: 1.0e-05  # default",
    ]
    assert config_data(resolved)["rate"] == {"value": 1e-5, "origin": "default"}


@given(st.text(), st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1)))
def test_any_text_comes_back(name: str, paths: list[str]) -> None:
    settings = Example(name=name, paths=tuple(map(Path, paths)))
    origins = dict.fromkeys(Example.model_fields, name)
    text = config_text(Resolved(settings, origins), head=name)
    assert Example.model_validate(parse_mapping(text)) == settings
