"""The page of runs: written, and written anew while training goes on."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from vsdkit.data.jsonl import write_rows
from vsdkit.errors import ConfigError, DataError
from vsdkit.report import report


def _write_run(folder: Path, steps: int, **settings: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    job = {
        "settings": {"learning_rate": 0.1, "name": folder.name} | settings,
        "plan": {"steps": 9, "rows": 80, "global_batch_size": 8},
        "argv": ["finetune"],
    }
    (folder / "job.json").write_text(json.dumps(job))
    rows = [{"step": step, "loss": 1 / step, "learning_rate": 0.1} for step in range(1, steps + 1)]
    write_rows(folder / "metrics.jsonl", rows)
    return folder


def _text(page: Path) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.read_text(encoding="utf-8"))).split())


def test_the_same_command_shows_the_new_points_and_leaves_the_run_alone(tmp_path: Path) -> None:
    run = _write_run(tmp_path / "a", 2)
    before = {path: path.read_bytes() for path in run.iterdir()}
    page = report(inputs=[run], output=tmp_path / "page").page
    assert "stopped at step 2 of 9" in _text(page)
    assert {path: path.read_bytes() for path in run.iterdir()} == before
    _write_run(run, 5)
    written = report(inputs=[run], output=tmp_path / "page")
    assert "stopped at step 5 of 9" in _text(page)
    assert written.counts["steps"] == 5
    made = json.loads((tmp_path / "page" / "run.json").read_text())
    assert made["command"] == "report"
    assert {Path(path).name for path in made["inputs"]} == {"job.json", "metrics.jsonl"}
    assert made["counts"] == dict(written.counts)
    assert len(list((tmp_path / "page" / "data").glob("runs-*"))) == 1, "the older data are removed"


def test_runs_stand_side_by_side_with_what_differs(tmp_path: Path) -> None:
    runs = [_write_run(tmp_path / "a", 2), _write_run(tmp_path / "b", 0, learning_rate=0.2)]
    written = report(inputs=[*runs, tmp_path / "b" / ".." / "a"], output=tmp_path / "page")
    text = _text(written.page)
    assert written.counts == {"runs": 2, "steps": 2, "differing_settings": 1}
    assert "Settings that differ setting 1 a 2 b learning_rate 0.1 0.2" in text
    assert "b: no step yet" in text
    assert f"vsdkit report {runs[0]} {runs[1]}" in text


def test_markup_in_names_and_settings_is_text(tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>"
    run = _write_run(tmp_path / evil, 1, base=evil)
    page = report(inputs=[run], output=tmp_path / "page").page
    assert evil not in page.read_text()
    assert _text(page).count(evil) >= 3


def test_runs_and_files_do_not_share_a_page(tmp_path: Path) -> None:
    run = _write_run(tmp_path / "a", 1)
    (tmp_path / "preds.jsonl").write_text("{}\n")
    with pytest.raises(ConfigError, match="one kind of inputs"):
        report(inputs=[run, tmp_path / "preds.jsonl"], output=tmp_path / "page")


def test_a_damaged_row_is_named_by_its_line(tmp_path: Path) -> None:
    run = _write_run(tmp_path / "a", 2)
    (run / "metrics.jsonl").write_text('{"step":1}\nhm\n{"step":3}\n')
    with pytest.raises(DataError, match="not a JSON object") as caught:
        report(inputs=[run], output=tmp_path / "page")
    assert caught.value.where.endswith("metrics.jsonl:2")
