"""The command: flags reach the settings, and what is not the same is exit code 1."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from vsdkit.cli.app import app
from vsdkit.settings.verify import VerifySettings
from vsdkit.verify import Check, Comparison, VerifyReport

SAME = Comparison("merged in memory", 2, 2, 1.0, 1e-6, 0.01, "logit")
OTHER = Comparison("x", 1, 2, 1.0, 0.5, 0.01, "logit", ("row-1", "on", "in"))


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["verify", *arguments])


def _take(
    monkeypatch: pytest.MonkeyPatch, *comparisons: Comparison, passed: bool = True
) -> list[VerifySettings]:
    taken: list[VerifySettings] = []

    def take(settings: VerifySettings, **_: object) -> VerifyReport:
        taken.append(settings)
        checks = (Check("adapter weights", passed, "all 42 have their place in b"),)
        return VerifyReport("runs/x", "b", "float32", checks, comparisons)

    monkeypatch.setattr("vsdkit.verify.verify", take)
    return taken


def test_the_same_is_exit_code_0(monkeypatch: pytest.MonkeyPatch) -> None:
    _take(monkeypatch, SAME)
    done = _run("runs/x")
    assert done.exit_code == 0
    assert "2 of 2 texts are equal, largest logit difference 1e-06" in " ".join(done.stdout.split())
    assert json.loads(_run("runs/x", "--json").stdout)["same"] is True


def test_what_differs_is_named_and_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    _take(monkeypatch, SAME, OTHER)
    done = _run("runs/x")
    assert done.exit_code == 1
    assert "x, first other answer, row-1: 'on' became 'in'" in " ".join(done.stdout.split())
    assert done.stderr.startswith("error: not the same: answers: x: 1 of 2 texts are equal")
    report = _run("runs/x", "--json")
    assert report.exit_code == 1
    assert json.loads(report.stdout)["comparisons"][1]["share_equal"] == 0.5


def test_a_check_of_the_files_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    _take(monkeypatch, passed=False)
    done = _run("runs/x")
    assert done.exit_code == 1
    assert "error: not the same: adapter weights" in done.stderr


def test_every_flag_reaches_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = _take(monkeypatch, SAME)
    flags = {
        "--against": "m",
        "--base-url": "http://x/v1",
        "--model": "name",
        "--items": "gold.jsonl",
        "--images": "a",
        "--rows": "5",
        "--base": "b",
        "--precision": "fp32",
        "--min-equal": "0.5",
        "--max-difference": "0.25",
        "--max-probability-difference": "0.2",
    }
    assert _run("runs/x", *[word for flag in flags.items() for word in flag]).exit_code == 0
    assert taken[0].model_dump(mode="json") == {
        "run": "runs/x",
        "against": "m",
        "base_url": "http://x/v1",
        "model": "name",
        "items": "gold.jsonl",
        "images": ["a"],
        "rows": 5,
        "base": "b",
        "precision": "fp32",
        "min_equal": 0.5,
        "max_difference": 0.25,
        "max_probability_difference": 0.2,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rows", "0"], "rows = 0"),
        (["--min-equal", "2"], "min_equal = 2"),
        (["--model", "x"], "name its address, --base-url"),
    ],
)
def test_a_wrong_value_is_a_usage_error(arguments: list[str], message: str) -> None:
    done = _run("runs/x", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
