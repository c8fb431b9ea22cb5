"""Flag over file over profile over default, each value with its origin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field, ValidationError

from vsdkit.errors import ConfigError, MissingInputError
from vsdkit.settings import resolve as resolve_module
from vsdkit.settings.finetune import FinetuneSettings
from vsdkit.settings.infer import InferSettings
from vsdkit.settings.resolve import SAME_RESULT, Settings, profile_names, read_yaml, resolve


class _Settings(Settings):
    """Settings for this test."""

    name: str
    """Needed."""

    rank: int = Field(default=128, ge=1, le=1024)
    """Ranged."""

    seed: int = 0
    """Plain."""


def _config(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_flag_goes_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    path = _config(tmp_path, "rank: 16\nname: file\n")
    settings, origins = resolve(_Settings, flags={"name": "flag", "rank": None}, config=path)
    assert settings == _Settings(name="flag", rank=16, seed=0)
    assert origins == {"name": "flag", "rank": str(path), "seed": "default"}


def test_a_profile_lies_under_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve_module, "_read_profile", lambda name: {"rank": 8, "seed": 5})
    path = _config(tmp_path, "rank: 16\nname: x\n")
    settings, origins = resolve(_Settings, flags={}, config=path, profile="small")
    assert (settings.rank, settings.seed) == (16, 5)
    assert origins == {"name": str(path), "rank": str(path), "seed": "profile small"}


def test_a_flag_of_zero_or_false_was_given() -> None:
    settings, origins = resolve(_Settings, flags={"name": "x", "seed": 0})
    assert (settings.seed, origins["seed"]) == (0, "flag")


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        _Settings(name="x").rank = 5  # type: ignore[misc]


def test_an_unknown_key_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    path = _config(tmp_path, "name: x\nrnk: 16\n")
    with pytest.raises(ConfigError, match="unknown setting 'rnk'") as caught:
        resolve(_Settings, flags={}, config=path)
    assert caught.value.where == f"rnk ({path})"
    assert caught.value.hint == "did you mean 'rank'?"
    with pytest.raises(ConfigError, match="unknown setting 'nmae'"):
        resolve(_Settings, flags={"nmae": "x"})
    with pytest.raises(ConfigError) as caught:
        resolve(_Settings, flags={"name": "x", "qqqq": 1})
    assert caught.value.hint == "known: name, rank, seed"


def test_a_value_out_of_range_is_named_with_value_range_and_origin(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"rank = 0: .*greater than or equal to 1") as caught:
        resolve(_Settings, flags={"name": "x", "rank": 0})
    assert caught.value.where == "rank (flag)"
    path = _config(tmp_path, "name: x\nrank: many\n")
    with pytest.raises(ConfigError, match="rank = 'many'") as caught:
        resolve(_Settings, flags={}, config=path)
    assert caught.value.where == f"rank ({path})"


def test_a_setting_that_is_needed_is_asked_for() -> None:
    with pytest.raises(ConfigError, match=r"^'name' is needed") as caught:
        resolve(_Settings, flags={"name": None})
    assert "--config" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [", "not YAML"),
        (b"- a\n", "expected names and values, got a list"),
        (b"a: \xff", "not UTF-8 text"),
        (b"a: !!python/object/apply:os.getcwd []", "not YAML"),
    ],
)
def test_a_file_that_is_no_settings(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        read_yaml(path)
    assert caught.value.where == str(path)


@pytest.mark.parametrize(
    "text",
    [
        "seed: 2020-13-45",
        "seed: 0x_",
        "seed: !!int abc",
        "seed: !!bool maybe",
        "seed: " + "[" * 3000,
    ],
)
def test_yaml_that_names_no_value_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="not YAML"):
        resolve(_Settings, flags={}, config=_config(tmp_path, text))


def test_paths_are_shown_as_they_were_typed() -> None:
    class Files(Settings):
        """Settings with files."""

        preds: tuple[Path, ...] = Field(min_length=3)
        """Files."""

    with pytest.raises(ConfigError, match=r"preds = \['a\.jsonl', 'b\.jsonl'\]: "):
        resolve(Files, flags={"preds": [Path("a.jsonl"), Path("b.jsonl")]})


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    assert read_yaml(_config(tmp_path, "# nothing\n")) == {}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="cannot be read: No such file"):
        read_yaml(tmp_path / "none.yaml")


def test_an_unknown_profile_is_refused_with_the_known_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resolve_module, "profile_names", lambda: ["paper", "anyres"])
    with pytest.raises(ConfigError, match="unknown profile 'papre'; known: paper, any") as caught:
        resolve(_Settings, flags={"name": "x"}, profile="papre")
    assert (caught.value.where, caught.value.hint) == ("--profile", "did you mean 'paper'?")


@pytest.mark.parametrize("name", profile_names())
def test_every_shipped_profile_is_a_mapping(name: str) -> None:
    assert isinstance(resolve_module._read_profile(name), dict)


class Command(Settings):
    rows: Path = Path("rows.jsonl")
    rate: float = 0.5
    processes: Annotated[int, SAME_RESULT] = 2


def test_the_identity_leaves_out_what_gives_the_same_result() -> None:
    assert Command().identity() == {"rows": "rows.jsonl", "rate": 0.5}
    found = Command().identity(rows="hash of its content", version=3)
    assert found == {"rate": 0.5, "rows": "hash of its content", "version": 3}


@pytest.mark.parametrize("number", [".nan", ".inf", "-.inf", "1e999"])
def test_numbers_that_are_none_are_refused(tmp_path: Path, number: str) -> None:
    class Rates(Settings):
        """Settings with a number that has no upper end."""

        rate: float = 1.0
        """A number."""

    with pytest.raises(ConfigError, match=r"rate = .*finite number"):
        resolve(Rates, flags={}, config=_config(tmp_path, f"rate: {number}"))


def test_a_profile_of_another_command_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown setting 'batching'") as caught:
        resolve(InferSettings, flags={}, profile="paper")
    assert caught.value.where == "batching (profile paper)"


def test_of_several_profiles_each_must_be_known() -> None:
    with pytest.raises(ConfigError, match="unknown profile 'papre'"):
        resolve(FinetuneSettings, flags={}, profile="tiny, papre")
