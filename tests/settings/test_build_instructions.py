"""Settings of build-instructions: what is taken, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vsdkit.errors import ConfigError
from vsdkit.settings.build_instructions import BuildInstructionsSettings
from vsdkit.settings.resolve import resolve


def _resolve(**flags: Any) -> BuildInstructionsSettings:
    return resolve(
        BuildInstructionsSettings, flags={"v1": "1.json", "v2": "2.json"} | flags
    ).settings


@pytest.mark.parametrize(
    ("given", "tasks"),
    [
        ("1,2,3", (1, 2, 3)),
        (" 3, 1 ", (3, 1)),
        ("2", (2,)),
        ("2,2", (2,)),
        (3, (3,)),
        ([1], (1,)),
        (["1,3"], (1, 3)),
        (["2", 3], (2, 3)),
    ],
)
def test_tasks_are_written_in_many_ways(given: Any, tasks: tuple[int, ...]) -> None:
    assert _resolve(tasks=given).tasks == tasks


@pytest.mark.parametrize("given", ["4", "1,x", "", "1,,2", "1-3", []])
def test_other_tasks_are_refused(given: Any) -> None:
    with pytest.raises(ConfigError, match="tasks"):
        _resolve(tasks=given)


@pytest.mark.parametrize(
    ("field", "value"),
    [("pairs", "both"), ("format", "csv"), ("seed", "x"), ("seed", -1), ("seed", 2**32)],
)
def test_other_values_are_refused(field: str, value: str | int) -> None:
    with pytest.raises(ConfigError, match=f"{field} = {value!r}"):
        _resolve(**{field: value})


def test_a_list_is_not_called_jsonl_unless_it_is_named_so() -> None:
    assert _resolve().output == Path("instructions.jsonl")
    assert _resolve(format="json").output == Path("instructions.json")
    assert _resolve(format="json", output="x.jsonl").output == Path("x.jsonl")
