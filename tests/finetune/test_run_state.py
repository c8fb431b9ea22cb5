"""What a run's folder tells: under way, ended, half written, of an older version."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vsdkit.data.jsonl import append_rows, write_rows
from vsdkit.errors import DataError, MissingInputError
from vsdkit.finetune.job import Job
from vsdkit.finetune.run_state import Progress, read_run, read_steps
from vsdkit.launch.failure import Failure
from vsdkit.launch.heartbeat import HEARTBEAT, PATIENCE_S
from vsdkit.settings.finetune import FinetuneSettings


def _steps(*steps: int, **more: Any) -> list[dict[str, Any]]:
    return [{"step": step, "loss": 1 / step, "seconds": 2.0, **more} for step in steps]


@pytest.fixture
def folder(tmp_path: Path, settings: FinetuneSettings, make_job: Callable[..., Job]) -> Path:
    folder = tmp_path / "runs" / "run"
    folder.mkdir(parents=True)
    make_job(settings, folder, argv=["finetune", "--name", "run"]).write()
    return folder


def _beat(folder: Path, *, ago_s: float = 0.0) -> None:
    (folder / HEARTBEAT).write_text("1")
    now = time.time() - ago_s
    os.utime(folder / HEARTBEAT, (now, now))


def test_run_before_its_first_step_has_settings_and_no_steps(folder: Path) -> None:
    _beat(folder)
    run = read_run(folder)
    assert run.state == "running"
    assert (len(run.steps), run.steps.last, run.planned_steps) == (0, 0, 6)
    assert run.settings["learning_rate"] == 5e-3
    assert run.remaining_seconds is None


def test_run_that_opens_its_images_has_a_heartbeat_alone(tmp_path: Path) -> None:
    _beat(tmp_path)
    run = read_run(tmp_path)
    assert (run.state, run.settings, run.planned_steps) == ("running", {}, None)


def test_run_under_way_tells_its_last_step_and_the_time_left(folder: Path) -> None:
    _beat(folder)
    write_rows(folder / "metrics.jsonl", _steps(1, 2, remaining_seconds=8.0))
    run = read_run(folder)
    assert (run.state, run.steps.last, run.remaining_seconds) == ("running", 2, 8.0)
    assert run.rows_until(2) == 16


def test_half_written_row_is_passed_over_and_left_in_the_file(folder: Path) -> None:
    metrics = folder / "metrics.jsonl"
    write_rows(metrics, _steps(1, 2))
    before = metrics.read_bytes() + b'{"step":3,"lo'
    metrics.write_bytes(before)
    assert list(read_run(folder).steps.numbers) == [1, 2]
    assert metrics.read_bytes() == before


def test_a_run_can_be_read_while_a_step_is_appended(folder: Path) -> None:
    with append_rows(folder / "metrics.jsonl") as append:
        append(_steps(1))
        assert read_run(folder).steps.last == 1
        append(_steps(2))
    assert read_run(folder).steps.last == 2


def test_run_without_a_beat_is_stopped_and_names_its_checkpoints(folder: Path) -> None:
    _beat(folder, ago_s=PATIENCE_S + 5)
    for step in (2, 4):
        (folder / "checkpoints" / f"checkpoint-{step}").mkdir(parents=True)
        (folder / "checkpoints" / f"checkpoint-{step}" / "whole").write_text("{}")
    run = read_run(folder)
    assert (run.state, list(run.checkpoints), run.argv) == (
        "stopped",
        [2, 4],
        ["finetune", "--name", "run"],
    )


def test_failed_run_tells_why_until_it_is_started_again(folder: Path) -> None:
    Failure(rank=0, time=1.0, type="DataError", message="a wrong row", hint="fix it").write(folder)
    run = read_run(folder)
    assert run.state == "failed"
    assert run.failure is not None
    assert run.failure.message == "a wrong row"
    _beat(folder)
    assert (read_run(folder).state, read_run(folder).failure) == ("running", None)


def test_answers_at_the_end_are_told_while_they_are_made(folder: Path) -> None:
    _beat(folder)
    (folder / "eval_progress.json").write_text('{"answered": 5, "rows": 9}')
    run = read_run(folder)
    assert (run.state, run.evaluating) == ("evaluating", Progress(5, 9))


def test_complete_run_needs_no_job(folder: Path) -> None:
    (folder / "job.json").unlink()
    record = {
        "command": "finetune",
        "complete": True,
        "settings": {"seed": 3},
        "steps": 6,
        "rows": 20,
        "global_batch_size": 8,
        "evaluation": {"scores": {"task1": {"accuracy": 0.5}}},
    }
    (folder / "run.json").write_text(json.dumps(record))
    run = read_run(folder)
    assert (run.state, run.planned_steps, run.settings) == ("complete", 6, {"seed": 3})
    assert run.evaluation == {"scores": {"task1": {"accuracy": 0.5}}}


def test_an_older_run_that_says_little_is_read(folder: Path) -> None:
    (folder / "job.json").write_text("{}")
    (folder / "run.json").write_text('{"complete": true}')
    write_rows(folder / "metrics.jsonl", [{"step": 1, "loss": 2.0}])
    run = read_run(folder)
    assert (run.planned_steps, run.rows_until(1), run.steps.last) == (None, None, 1)
    assert list(run.steps.columns) == ["loss"]


@pytest.mark.parametrize("content", [None, '{"command": "merge"}'])
def test_a_folder_without_a_run_is_refused(tmp_path: Path, content: str | None) -> None:
    if content:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(MissingInputError, match="no run of vsdkit finetune"):
        read_run(tmp_path)


def test_what_is_written_again_behind_a_checkpoint_counts(tmp_path: Path) -> None:
    rows = [*_steps(1, 2, 3, 4), *_steps(3, again=True)]
    write_rows(tmp_path / "metrics.jsonl", rows)
    steps = read_steps(tmp_path / "metrics.jsonl")
    # Step 4 is of the start that was given up.
    assert list(steps.numbers) == [1, 2, 3]
    assert steps.where("again") == [3]
    assert len(steps.columns["loss"]) == 3


def test_what_is_not_finite_is_a_gap(tmp_path: Path) -> None:
    rows = [{"step": 1, "loss": math.nan}, {"step": 2, "loss": math.inf}, {"step": 3, "loss": 1.0}]
    write_rows(tmp_path / "metrics.jsonl", rows)
    steps = read_steps(tmp_path / "metrics.jsonl")
    assert steps.not_finite("loss") == [1, 2]
    assert steps.last_of("loss") == 1.0
    assert steps.last_of("mfu") is None


def test_columns_that_only_some_steps_have_stay_in_line(tmp_path: Path) -> None:
    rows = [{"step": 1, "loss": 1.0}, {"step": 2, "mfu": 0.5}, {"step": 3, "loss": 3.0}]
    write_rows(tmp_path / "metrics.jsonl", rows)
    columns = read_steps(tmp_path / "metrics.jsonl").columns
    assert [str(value) for value in columns["mfu"]] == ["nan", "0.5", "nan"]
    assert [str(value) for value in columns["loss"]] == ["1.0", "nan", "3.0"]


@pytest.mark.parametrize("step", ["null", "0", "true", '"3"', "1.5"])
def test_a_wrong_step_is_named_by_its_line(tmp_path: Path, step: str) -> None:
    (tmp_path / "metrics.jsonl").write_text(f'{{"step":1}}\n{{"step":{step}}}\n')
    with pytest.raises(DataError, match="'step' must be a whole number") as caught:
        read_steps(tmp_path / "metrics.jsonl")
    assert caught.value.where.endswith("metrics.jsonl:2")
