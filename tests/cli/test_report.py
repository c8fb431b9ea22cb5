"""The command: what it takes, what it prints."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vsdkit.data.jsonl import write_rows


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vsdkit", "report", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    row = {"id": "1", "image": "1.png", "task": 1, "subject": "cup", "object": "desk"}
    write_rows(tmp_path / "known.jsonl", [row | {"relations": ["on"], "references": []}])
    write_rows(tmp_path / "items.jsonl", [row])
    write_rows(tmp_path / "preds.jsonl", [{"id": "1", "task": 1, "prediction": "on"}])
    return tmp_path


def test_gold_may_follow_the_predictions_and_torch_is_not_loaded(folder: Path) -> None:
    code = (
        "import sys\n"
        "from vsdkit.cli.app import app\n"
        "app(['report', 'preds.jsonl', 'known.jsonl', '--json'], standalone_mode=False)\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["page"] == "report/index.html"
    assert told["kind"] == "predictions"
    assert told["bytes"]["entries"] > 0
    assert (folder / "report" / "index.html").is_file()


def test_without_gold_it_is_said_that_nothing_was_scored(folder: Path) -> None:
    done = run(folder, "preds.jsonl", "items.jsonl", "--output", "page")
    assert done.returncode == 0, done.stderr
    assert "nothing was scored: items.jsonl has no relations and no references" in done.stdout
    assert "open it in a browser: file://" in done.stdout


def test_a_wrong_folder_is_three_lines(folder: Path) -> None:
    done = run(folder, "preds.jsonl", "known.jsonl", "--output", ".")
    assert done.returncode == 2
    assert done.stderr == (
        "error: holds something that is no report of vsdkit's\n"
        "  where: .\n"
        "  do:    name another folder: --output FOLDER\n"
    )
