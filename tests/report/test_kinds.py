"""What the inputs of a report are, from what they hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vsdkit.errors import ConfigError, MissingInputError
from vsdkit.report.kinds import decide_kind
from vsdkit.report.predictions import write_predictions


def test_rows_of_answers_are_predictions_whatever_their_form(tmp_path: Path) -> None:
    for name, content in {
        "preds.jsonl": '{"id": "1", "task": 1, "prediction": "on"}',
        "lines.txt": "the cup is on the table",
        "empty.txt": "",
    }.items():
        (tmp_path / name).write_text(content)
        assert decide_kind([tmp_path / name]) is write_predictions
    (tmp_path / "submission").mkdir()
    (tmp_path / "submission" / "task3.json").write_text("[]")
    assert decide_kind([tmp_path / "submission"]) is write_predictions


def test_a_pipe_is_not_read_to_find_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert decide_kind([tmp_path / "pipe"]) is write_predictions


def test_a_missing_input_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such file or folder"):
        decide_kind([tmp_path / "gone.jsonl"])


def test_a_folder_of_runs_is_no_run_and_its_runs_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="neither a run nor a submission") as caught:
        decide_kind([tmp_path])
    assert "folders of runs" in caught.value.hint
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text("{}")
    with pytest.raises(MissingInputError) as caught:
        decide_kind([tmp_path])
    assert caught.value.hint.endswith(f"vsdkit report {tmp_path / 'a'} {tmp_path / 'b'}")


def test_inputs_of_several_kinds_are_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text("{}")
    preds = tmp_path / "preds.jsonl"
    preds.write_text("x")
    with pytest.raises(ConfigError, match="one kind of inputs"):
        decide_kind([run, preds])
