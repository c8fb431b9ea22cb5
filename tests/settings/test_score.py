from __future__ import annotations

from pathlib import Path

import pytest

from vsdkit.errors import ConfigError
from vsdkit.jvm import JavaLimits
from vsdkit.settings.resolve import resolve
from vsdkit.settings.score import ScoreSettings


def test_defaults_chain_in_the_current_folder() -> None:
    settings = ScoreSettings()
    assert (settings.preds, settings.gold) == ((Path("preds.jsonl"),), (Path("gold.jsonl"),))
    assert settings.items is None


def test_limits_of_java_are_those_of_its_room() -> None:
    settings = ScoreSettings()
    assert JavaLimits() == JavaLimits(settings.java_memory_mib, settings.java_timeout_s)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("java_memory_mib", 1), ("java_timeout_s", 0), ("allow_missing", "some")),
        *(("bootstrap", 99), ("bootstrap", -1), ("reading", "best"), ("kind", "csv"), ("task", 4)),
        *(("preds", []), ("gold", ["a", "b", "c"])),
    ],
)
def test_values_out_of_range_are_named(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=field):
        resolve(ScoreSettings, flags={field: value})


def test_one_path_stands_for_a_list_of_one() -> None:
    assert ScoreSettings(preds=Path("a"), gold="b").preds == (Path("a"),)  # type: ignore[arg-type]
    assert ScoreSettings(gold="b").gold == (Path("b"),)  # type: ignore[arg-type]


def test_no_resamples_are_allowed() -> None:
    assert ScoreSettings(bootstrap=0).bootstrap == 0
