"""The command: a file of a grid stands alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from vsdkit.cli.app import app


def test_options_that_the_file_would_silence_are_refused(tmp_path: Path) -> None:
    config = tmp_path / "grid.yaml"
    config.write_text("grid: {diversify.engine: [none, rules]}\n")
    done = CliRunner().invoke(app, ["ablate", "--config", str(config), "--base-url", "http://x"])
    assert done.exit_code == 2
    assert done.stderr.startswith("error: base_url has no meaning beside a grid")


def test_a_combination_that_failed_is_told_in_the_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid.yaml").write_text("grid: {infer.batch_size: [0]}\nstages: {infer: {}}\n")
    (tmp_path / "gold.jsonl").write_text("")
    done = CliRunner().invoke(app, ["ablate", "--config", "grid.yaml", "--quiet"])
    assert done.exit_code == 1
    assert "error: 1 of 1 combinations failed, the first with: infer needs" in done.stderr
    assert "where: ablations/run.json" in done.stderr


def test_predictions_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["ablate", "--engine", "rules"])
    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr.startswith("error: no such file of preds\n  where: preds.jsonl\n  do: ")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    for name in ("preds", "gold", "file"):
        (tmp_path / f"{name}.jsonl").write_text("")
    files = [f"--{name}={tmp_path / name}.jsonl" for name in ("preds", "gold")]
    folder = tmp_path / "file.jsonl" / "below"
    done = CliRunner().invoke(app, ["ablate", *files, "--engine", "rules", "--folder", str(folder)])
    assert done.exit_code == 1
    assert "failed: cannot write: Not a directory" in done.stderr
    assert f"where: {folder}" in done.stderr
