"""The command: flags reach the settings, lines to serve it are printed, errors are three lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vsdkit.cli.app import app
from vsdkit.merge import MergeReport
from vsdkit.settings.merge import MergeSettings


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["merge", *arguments])


def test_a_run_is_merged_and_the_next_steps_are_printed(
    make_run: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_run(Path("runs/one"))
    # The newest run, since none is named.
    done = _run()
    assert done.exit_code == 0
    lines = " ".join(done.stdout.split())
    assert "serve the merged model: vllm serve runs/one/merged" in lines
    assert "--enable-lora --max-lora-rank 8 --lora-modules one=runs/one" in lines
    assert "check it: vsdkit verify runs/one --against runs/one/merged" in lines
    again = json.loads(_run("runs/one", "--json").stdout)
    assert (again["already"], again["tensors"], again["added"]) == (True, 90, 21)
    assert again["serving"][0]["command"] == "vllm serve runs/one/merged"


def test_without_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = _run()
    assert done.exit_code == 3
    assert done.stderr.startswith("error: no complete adapter found")


def test_every_flag_reaches_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[MergeSettings] = []

    def take(settings: MergeSettings, **_: object) -> MergeReport:
        taken.append(settings)
        return MergeReport("o", "r", "b", "anyres", False, 9, 2, 0, 10, False, [])

    monkeypatch.setattr("vsdkit.merge.merge", take)
    words = ["--image-mode", "single", "--conversation", "c", "--template", "t"]
    done = _run("runs/x", "-o", "out", "--base", "b", "--overwrite", *words)
    assert done.exit_code == 0
    assert taken[0].model_dump(mode="json") == {
        "run": "runs/x",
        "output": "out",
        "base": "b",
        "image_mode": "single",
        "conversation": "c",
        "template": "t",
        "overwrite": True,
    }
    assert "other ids than the run was trained on" in " ".join(done.stdout.split())
