"""``vsdkit finetune``: parsing; behaviour is tested with the library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from vsdkit.cli.app import app
from vsdkit.reporting import Report, Table
from vsdkit.settings.finetune import FinetuneSettings

runner = CliRunner()


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Take the place of the library and remember what the command hands over."""
    calls: list[dict[str, Any]] = []

    class Steps(Report):
        def to_dict(self) -> dict[str, Any]:
            return {"steps": 948}

        def tables(self) -> list[Table]:
            return [Table(("", "value"), [("steps", 948)])]

    def take(settings: FinetuneSettings, **more: Any) -> Report:
        calls.append({"settings": settings, **more})
        return Steps()

    monkeypatch.setattr("vsdkit.finetune.finetune", take)
    return calls


def test_bare_command_is_the_anyres_profile(called: list[dict[str, Any]]) -> None:
    done = runner.invoke(app, ["finetune", "--gpus", "8"])
    assert done.exit_code == 0, done.output
    assert called[0]["settings"] == FinetuneSettings(gpus=8)
    assert called[0]["origins"]["gpus"] == "flag"
    assert called[0]["origins"]["image_mode"] == "profile anyres"
    assert called[0]["origins"]["lora_rank"] == "default"
    assert called[0]["origins"]["dry_run"] == "default"
    assert "948" in done.stdout


def test_flags_go_over_the_file_and_the_file_over_the_profile(
    called: list[dict[str, Any]], tmp_path: Path
) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("lora_rank: 8\nlora_alpha: 16\noverwrite: true\nzero_stage: 3\n")
    arguments = ["finetune", "rows.jsonl", "--profile", "tiny", "--config", str(config)]
    arguments += ["--lora-rank", "4", "--images", "VG_100K", "--images", "flickr"]
    arguments += ["--no-gradient-checkpointing", "--train-projector", "--dry-run", "--json"]
    done = runner.invoke(app, arguments)
    assert done.exit_code == 0, done.output
    settings = called[0]["settings"]
    assert settings.instructions == Path("rows.jsonl")
    assert settings.images == (Path("VG_100K"), Path("flickr"))
    assert (settings.base, settings.lora_rank, settings.lora_alpha) == ("tiny", 4, 16)
    assert (settings.overwrite, settings.dry_run, settings.train_projector) == (True, True, True)
    assert settings.gradient_checkpointing is False
    origins = called[0]["origins"]
    assert (origins["base"], origins["lora_rank"]) == ("profile tiny", "flag")
    assert origins["overwrite"] == origins["zero_stage"] == str(config)
    assert json.loads(done.stdout) == {"steps": 948}


def test_unknown_profile_and_wrong_value(called: list[dict[str, Any]]) -> None:
    done = runner.invoke(app, ["finetune", "--profile", "papre"])
    assert done.exit_code == 2
    done = runner.invoke(app, ["finetune", "--zero-stage", "5"])
    assert done.exit_code == 2
    assert called == []


def test_no_instructions_end_with_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = runner.invoke(app, ["finetune"])
    assert done.exit_code == 3
    assert "do:    make them: vsdkit build-instructions" in done.stderr
