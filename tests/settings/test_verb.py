"""A verb takes keywords or a settings object, says what it takes, and refuses the rest."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import Field

from vsdkit.errors import ConfigError
from vsdkit.progress import SILENT, Listener
from vsdkit.settings.commands import COMMANDS
from vsdkit.settings.resolve import Settings
from vsdkit.settings.verb import verb


class Example(Settings):
    """Settings of this test."""

    name: str
    """Needed."""
    lora_rank: int = Field(default=128, ge=1)
    """Rank of the
    weights."""


@verb(Example)
def train(
    settings: Example, *, listener: Listener, origins: Mapping[str, str] | None
) -> tuple[Example, Listener, Mapping[str, str] | None]:
    """Return what was given.

    And nothing else.
    """
    return settings, listener, origins


def test_keywords_become_settings_with_origins() -> None:
    settings, listener, origins = train(name="x", lora_rank="16")
    assert settings == Example(name="x", lora_rank=16)
    assert listener is SILENT
    assert origins == {"name": "argument", "lora_rank": "argument"}
    assert train(name="x")[2] == {"name": "argument", "lora_rank": "default"}


def test_ready_settings_pass_as_they_are() -> None:
    ready = Example(name="x")
    assert train(ready, origins={"name": "flag"}) == (ready, SILENT, {"name": "flag"})


def test_an_unknown_keyword_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="unknown setting 'lora_rnak'") as caught:
        train(name="x", lora_rnak=8)
    assert (caught.value.where, caught.value.hint) == (
        "lora_rnak (argument)",
        "did you mean 'lora_rank'?",
    )


def test_a_wrong_or_missing_value_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"lora_rank = 0: .*greater than or equal to 1"):
        train(name="x", lora_rank=0)
    with pytest.raises(ConfigError, match="'name' is needed"):
        train()


def test_keywords_beside_ready_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="lora_rank: given beside ready settings"):
        train(Example(name="x"), lora_rank=8)


def test_signature_and_docstring_list_the_settings() -> None:
    parameters = inspect.signature(train).parameters
    assert list(parameters) == ["settings", "name", "lora_rank", "listener"]
    assert (parameters["lora_rank"].annotation, parameters["lora_rank"].default) == (int, 128)
    assert train.__doc__ is not None
    assert train.__doc__.startswith("Return what was given.\n\nAnd nothing else.\n")
    assert "    lora_rank: Rank of the weights." in train.__doc__


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: command.name)
def test_every_command_is_a_verb_of_its_settings(command: Any) -> None:
    function = command.load_verb()
    settings = command.load_settings()
    taken = list(inspect.signature(function).parameters)
    assert taken == ["settings", *settings.model_fields, "listener"]
    for name, field in settings.model_fields.items():
        assert field.description, name
    with pytest.raises(ConfigError, match="unknown setting 'no_such_thing'"):
        function(no_such_thing=1)
