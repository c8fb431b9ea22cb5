"""The command: flags reach the settings, data go to stdout, errors are three lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from vsdkit.cli.app import app
from vsdkit.infer import InferReport
from vsdkit.settings.infer import InferSettings

REPORT = InferReport(
    output="o",
    rows={"1": 2},
    answered_now=2,
    unparsed={"1": 0},
    errors={"1": 0},
    first_error=None,
    broken=0,
    unfinished=0,
    pictures=1,
    seen_in_training=None,
    base="b",
    adapter=None,
    rows_per_second=1.0,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (60, 40), "white").save(tmp_path / "images" / "7.jpg")
    rows = [
        {"id": "7", "image": "7.jpg", "task": task, "subject": "cup", "object": "desk"}
        for task in (1, 2, 3)
    ]
    (tmp_path / "gold.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["infer", *arguments])


def test_the_bare_form_needs_an_adapter_and_says_how_to_get_one(folder: Path) -> None:
    done = _run()
    assert done.exit_code == 3
    assert done.stdout == ""
    assert done.stderr.startswith("error: no complete adapter found")
    assert "vsdkit finetune" in done.stderr


def test_a_base_alone_answers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsdkit.model.answerer.MAX_NEW_TOKENS", {1: 2, 2: 2, 3: 2})
    done = _run("--base", "tiny", "--json")
    report = json.loads(done.stdout)
    assert (done.exit_code, report["rows"]) == (0, {"1": 1, "2": 1, "3": 1})
    assert report["seen_in_training"] is None
    again = _run("--base", "tiny")
    assert "0 rows answered now" in again.stdout
    assert "3 rows of 1 pictures, 0 to answer" in again.stderr


def test_every_flag_reaches_the_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[InferSettings] = []

    def take(settings: InferSettings, **_: object) -> InferReport:
        taken.append(settings)
        return REPORT

    monkeypatch.setattr("vsdkit.infer.infer", take)
    flags = {
        "--images": "a",
        "--adapter": "runs/x",
        "--base": "b",
        "--template": "paper",
        "--conversation": "vicuna_v1",
        "--image-mode": "anyres",
        "--output": "o.jsonl",
        "--tasks": "2,3",
        "--batch-size": "4",
        "--precision": "fp32",
        "--limit": "5",
        "--rejects": "r.jsonl",
        "--label": "likelihood",
        "--load-in": "4bit",
        "--device-map": "auto",
        "--fail-on-error": "7",
    }
    words = [word for flag in flags.items() for word in flag]
    done = _run("items.csv", "--images", "c", *words, "--overwrite", "--skip-broken")
    assert done.exit_code == 0
    assert taken[0].model_dump(mode="json") == InferSettings().model_dump(mode="json") | {
        "items": "items.csv",
        "images": ["c", "a"],
        "skip_broken": True,
        "rejects": "r.jsonl",
        "adapter": "runs/x",
        "base": "b",
        "template": "paper",
        "conversation": "vicuna_v1",
        "image_mode": "anyres",
        "output": "o.jsonl",
        "tasks": [2, 3],
        "batch_size": 4,
        "precision": "fp32",
        "limit": 5,
        "label": "likelihood",
        "load_in": "4bit",
        "device_map": "auto",
        "fail_on_error": 7,
        "overwrite": True,
    }
    assert "not parsed" in done.stdout


def test_a_file_of_settings_goes_under_the_flags(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[InferSettings] = []

    def take(settings: InferSettings, **_: object) -> InferReport:
        taken.append(settings)
        return REPORT

    monkeypatch.setattr("vsdkit.infer.infer", take)
    (folder / "own.yaml").write_text("batch_size: 2\ntasks: [1]\noverwrite: true\n")
    assert _run("--config", "own.yaml", "--batch-size", "3").exit_code == 0
    assert (taken[0].batch_size, taken[0].tasks, taken[0].overwrite) == (3, (1,), True)
    assert taken[0].images == (Path("images"),)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batch-size", "0"], "batch_size = 0"),
        (["--tasks", "4"], "tasks"),
        (["--tasks", "one"], "tasks"),
        (["--image-mode", "double"], "image_mode = 'double'"),
        (["--limit", "0"], "limit = 0"),
    ],
)
def test_a_wrong_value_is_a_usage_error(folder: Path, arguments: list[str], message: str) -> None:
    done = _run(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr
