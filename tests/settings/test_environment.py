"""Environment variables of a command's settings: names, values, and what is none of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest

from vsdkit.errors import ConfigError
from vsdkit.settings.commands import COMMANDS
from vsdkit.settings.environment import read_environment, variable_name
from vsdkit.settings.fields import Tasks
from vsdkit.settings.finetune import FinetuneSettings
from vsdkit.settings.resolve import NO_FLAG, Settings, resolve
from vsdkit.settings.verb import verb


class Example(Settings):
    """Settings of this test."""

    folders: tuple[Path, ...] = (Path("images"),)
    """Folders."""
    tasks: Tasks = (1, 2, 3)
    """Tasks."""
    stage: Literal[0, 1, 2] | None = None
    """Which."""
    rate: float = 0.5
    """How fast."""
    overwrite: bool = False
    """Begin anew."""
    label: str | None = None
    """A name."""
    grid: Annotated[dict[str, int] | None, NO_FLAG] = None
    """Only of a file."""


def _read(**variables: str) -> Example:
    environ = {f"VSDKIT_MY_COMMAND_{name}": value for name, value in variables.items()}
    return resolve(
        Example, flags={}, environment=read_environment(Example, "my-command", environ)
    ).settings


def test_values_arrive_with_their_types() -> None:
    read = _read(
        FOLDERS="a, b/c", TASKS="1,3", STAGE="2", RATE="1e-3", OVERWRITE="yes", LABEL="007"
    )
    assert read == Example(
        folders=(Path("a"), Path("b/c")),
        tasks=(1, 3),
        stage=2,
        rate=1e-3,
        overwrite=True,
        label="007",
    )
    assert _read(OVERWRITE="0", FOLDERS="one") == Example(folders=(Path("one"),))


def test_an_empty_value_counts_as_not_set() -> None:
    assert _read(RATE="", FOLDERS=" ", LABEL="") == Example()
    # Not one of this command at all, but empty: what `export NAME=` leaves.
    assert _read(RTAE="") == Example()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("RATE", "fast", "rate = 'fast': expected a number"),
        ("OVERWRITE", "perhaps", "overwrite = 'perhaps': expected true or false"),
        ("STAGE", "7", "stage = 7: expected 0, 1 or 2"),
    ],
)
def test_a_wrong_value_is_told_with_the_variable(name: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        _read(**{name: value})
    assert caught.value.where == f"{name.lower()} (environment VSDKIT_MY_COMMAND_{name})"


def test_an_unknown_variable_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="VSDKIT_MY_COMMAND_RTAE is no setting") as caught:
        _read(RTAE="1")
    assert caught.value.hint == "did you mean 'VSDKIT_MY_COMMAND_RATE'?"
    # What has no flag has no variable.
    with pytest.raises(ConfigError, match="VSDKIT_MY_COMMAND_GRID is no setting"):
        _read(GRID="1")
    # Only a command with profiles has one for them.
    with pytest.raises(ConfigError, match="VSDKIT_MY_COMMAND_PROFILE is no setting"):
        _read(PROFILE="paper")
    assert _read(CONFIG="my.yaml") == Example()


def test_other_variables_of_vsdkit_are_no_settings() -> None:
    others = ("VSDKIT_CACHE", "VSDKIT_DATA", "VSDKIT_VISIBLE_DEVICES", "VSDKIT_FINETUNE", "PATH")
    for command in COMMANDS.values():
        model = command.load_settings()
        assert read_environment(model, command.name, dict.fromkeys(others, "x")) == {}
        prefixes = [variable_name(other, "") for other in COMMANDS if other != command.name]
        assert not variable_name(command.name, "x").startswith(tuple(prefixes))


def test_flag_over_environment_over_file_over_profile_over_default(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("lora_alpha: 1\nlora_rank: 1\nseed: 1\n")
    environ = {"VSDKIT_FINETUNE_LORA_RANK": "2", "VSDKIT_FINETUNE_SEED": "2"}
    settings, origins = resolve(
        FinetuneSettings,
        flags={"seed": 3},
        environment=read_environment(FinetuneSettings, "finetune", environ),
        config=config,
        profile="tiny",
    )
    found = {
        name: (getattr(settings, name), origins[name])
        for name in ("seed", "lora_rank", "lora_alpha", "base", "epochs")
    }
    assert found == {
        "seed": (3, "flag"),
        "lora_rank": (2, "environment VSDKIT_FINETUNE_LORA_RANK"),
        "lora_alpha": (1, str(config)),
        "base": ("tiny", "profile tiny"),
        "epochs": (1, "default"),
    }


def test_the_library_does_not_read_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    @verb(Example)
    def example(settings: Example, **_: object) -> Example:
        """Return what was given."""
        return settings

    monkeypatch.setenv("VSDKIT_EXAMPLE_RATE", "0.25")
    assert read_environment(Example, "example")["rate"].value == 0.25
    assert example() == Example()
