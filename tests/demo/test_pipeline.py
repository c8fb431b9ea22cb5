"""The demo: what counts as success, and the whole pipeline once, as small as it gets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vsdkit.demo import DemoReport, demo
from vsdkit.demo.pipeline import BLANK, FINE_TUNED
from vsdkit.errors import ConfigError
from vsdkit.settings.demo import DemoSettings


def _report(f1: float, blank: float) -> DemoReport:
    def scores(value: float) -> dict[str, Any]:
        return {"task1": {"f1_micro": value}, "overall": None}

    return DemoReport({FINE_TUNED: scores(f1), BLANK: scores(blank)}, {}, Path("folder"))


def test_a_model_that_looks_is_no_failure() -> None:
    assert _report(80.0, 11.0).failure == ""


def test_a_model_that_learnt_nothing_is_a_failure() -> None:
    assert "F1 of the fine-tuned model is 44.9" in _report(44.9, 11.0).failure


def test_a_model_that_does_not_look_is_a_failure() -> None:
    assert "the model does not look" in _report(60.0, 41.0).failure


def test_a_number_that_could_not_be_had_is_none_in_the_table() -> None:
    ((columns, rows, _),) = _report(80.0, 11.0).tables()
    assert rows[0][columns.index("F1")] == "80.00"
    assert rows[0][columns.index("overall")] is None


def test_a_folder_of_another_demo_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text(json.dumps({"seed": 7}))
    with pytest.raises(ConfigError, match="holds a demo with other settings"):
        demo(DemoSettings(folder=tmp_path))


@pytest.mark.slow
@pytest.mark.java
def test_whole_pipeline_is_run_and_an_untrained_model_is_called_a_failure(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    size = ["--scenes", "18", "--held-out", "9", "--steps", "2", "--processes", "1"]
    command = [sys.executable, "-m", "vsdkit", "demo", "--folder", str(folder), *size, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the demo failed: F1 of the fine-tuned model is" in done.stderr
    printed = json.loads(done.stdout)
    assert len(printed["rows"]) == 5
    # Gold labels, by construction.
    assert printed["rows"]['"T1 R T2." with the gold relation']["task1"]["f1_micro"] == 100.0
    kept = {path.name for path in folder.iterdir()}
    assert {
        *("instructions.jsonl", "gold.jsonl", "runs", "ablations", "heldout", "train", "blank"),
        *("preds.jsonl", "preds.diverse.jsonl", "preds.blank.jsonl", "preds.base.jsonl"),
        *("contact-sheet.png", "results.json"),
    } <= kept
