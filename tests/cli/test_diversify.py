"""The command: flags reach the settings, data go to stdout, errors are three lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vsdkit.cli.app import app
from vsdkit.diversify import DiversifyReport
from vsdkit.settings.diversify import DiversifySettings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    triple = ["lamp behind crate.", "there is a lamp behind a crate.", "see there is a lamp behind"]
    row = {"id": "7", "task": 3, "prediction": triple, "raw": "said"}
    gold = {"id": "7", "task": 3, "image": "7.jpg", "subject": "lamp", "object": "crate"}
    (tmp_path / "preds.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    (tmp_path / "gold.jsonl").write_text(json.dumps(gold) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["diversify", *arguments])


@pytest.mark.java
def test_rules_write_the_default_file_and_say_what_they_are(folder: Path) -> None:
    done = _run("--engine", "rules")
    assert done.exit_code == 0
    assert "rules, not a language model" in done.stdout
    assert {path.name for path in folder.iterdir()} == {
        "preds.jsonl",
        "gold.jsonl",
        "preds.diverse.jsonl",
        "preds.diverse.jsonl.run.json",
    }
    report = json.loads(_run("--engine", "rules", "--json").stdout)
    assert (report["rows"], report["rewritten"], report["kept"]) == (1, 1, 0)
    assert report["mbleu4_after"] < report["mbleu4_before"]


def test_a_server_that_is_not_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    done = _run("--engine", "openai")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-3].startswith("error: no server named")


def test_every_flag_reaches_the_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[DiversifySettings] = []

    def take(settings: DiversifySettings, **_: object) -> DiversifyReport:
        taken.append(settings)
        return DiversifyReport("o", "rules", 1, 1, 0, 0, {"lost object": 1}, None, None, "no Java")

    monkeypatch.setattr("vsdkit.diversify.diversify", take)
    flags = {
        "--gold": "g.jsonl",
        "--engine": "openai",
        "--model": "m",
        "--prompt": "plain",
        "--base-url": "http://localhost:1/v1",
        "--replace": "3",
        "--concurrency": "2",
        "--gpus": "2",
        "--batch-size": "7",
        "--attempts": "5",
        "--output": "o.jsonl",
        "--seed": "3",
    }
    switches = ("--check-spice", "--overwrite", "--no-store")
    done = _run("p.jsonl", *(word for flag in flags.items() for word in flag), *switches)
    assert done.exit_code == 0
    assert taken[0].model_dump(mode="json") == {
        "preds": "p.jsonl",
        "gold": "g.jsonl",
        "engine": "openai",
        "model": "m",
        "prompt": "plain",
        "replace": 3,
        "base_url": "http://localhost:1/v1",
        "concurrency": 2,
        "no_store": True,
        "gpus": 2,
        "batch_size": 7,
        "attempts": 5,
        "output": "o.jsonl",
        "seed": 3,
        "check_spice": True,
        "overwrite": True,
    }
    assert "lost object" in done.stdout
    assert "n/a" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--engine", "magic"], "engine = 'magic'"),
        (["--attempts", "0"], "attempts = 0"),
        (["--concurrency", "0"], "concurrency = 0"),
        (["--replace", "1"], "replace = 1"),
        (["--replace", "4"], "replace = 4"),
        (["--gpus", "0"], "gpus = 0"),
        (["--batch-size", "0"], "batch_size = 0"),
    ],
)
def test_a_wrong_value_is_a_usage_error(folder: Path, arguments: list[str], message: str) -> None:
    done = _run(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_missing_file_is_three_lines(folder: Path) -> None:
    done = _run("none.jsonl", "--engine", "rules")
    assert done.exit_code == 3
    assert done.stderr == (
        "error: no such file of predictions\n  where: none.jsonl\n"
        "  do:    make it: vsdkit infer; or name another one: vsdkit diversify FILE\n"
    )


def test_a_seed_is_not_negative(folder: Path) -> None:
    done = _run("--engine", "rules", "--seed", "-1")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: seed = -1: ")


@pytest.mark.parametrize("name", ["preds", "gold"])
def test_what_is_read_is_not_written_over(folder: Path, name: str) -> None:
    before = (folder / f"{name}.jsonl").read_bytes()
    done = _run("--engine", "rules", "--output", f"{name}.jsonl", "--overwrite")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: --output and {name} are the same file")
    assert (folder / f"{name}.jsonl").read_bytes() == before
