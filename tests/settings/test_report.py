"""Settings of report: gold told from the predictions before it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vsdkit.settings.report import ReportSettings

GOLD = '{"id":"1","image":"1.jpg","task":1,"subject":"cup","object":"desk","relations":["on"]}\n'
PREDS = '{"id":"1","task":1,"prediction":"on"}\n'
VSD = '[{"img_id": "1", "triple_list": [{"s": "cup", "s_bbox": [1, 2, 3, 4]}], "captions": ["a"]}]'
SUBMISSION = '[{"img_id": "1", "triple_list": [{"s": "cup", "o": "desk"}], "captions": ["a"]}]'


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    contents = {
        "gold": GOLD, "a": PREDS, "b": PREDS, "v1": VSD, "v2": VSD, "task12": SUBMISSION,
        "task3": SUBMISSION,
    }  # fmt: skip
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "items.csv").write_text("image,subject,object\n1.jpg,cup,desk\n")
    os.mkfifo(tmp_path / "pipe")
    names = (*contents, "items.csv", "pipe", "gone")
    return {name: tmp_path / name for name in names}


@pytest.mark.parametrize(
    ("typed", "count"),
    [
        ("a gold", 1),
        ("a b gold", 1),
        ("a items.csv", 1),
        ("a v1 v2", 2),
        ("a b", 0),
        ("a", 0),
        ("gold", 0),
        ("v1 v2", 0),
        ("task12 task3", 0),
        ("a task12 task3", 0),
        ("a gone", 0),
        ("a pipe", 0),
    ],
)
def test_the_last_file_is_gold_if_it_holds_gold(
    files: dict[str, Path], typed: str, count: int
) -> None:
    paths = [files[name] for name in typed.split()]
    given = ReportSettings.from_command_line({"inputs": paths, "gold": None})
    cut = len(paths) - count
    assert list(given["inputs"]) == paths[:cut]
    assert list(given["gold"] or ()) == paths[cut:]


def test_named_gold_leaves_every_file_an_input(files: dict[str, Path]) -> None:
    given = {"inputs": [files["a"], files["gold"]], "gold": [files["gold"]]}
    assert ReportSettings.from_command_line(given) == given


def test_nothing_typed_is_what_other_commands_write() -> None:
    settings = ReportSettings()
    assert settings.inputs == (Path("preds.jsonl"),)
    assert settings.gold == (Path("gold.jsonl"),)
    assert ReportSettings.from_command_line({}) == {}
