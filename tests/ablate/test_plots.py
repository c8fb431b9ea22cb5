"""``ablate --plots``: every combination with scores, every run once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from vsdkit.ablate import AblateReport, ablate, plots, table
from vsdkit.ablate.stages import Pipeline
from vsdkit.data.jsonl import write_rows
from vsdkit.errors import VsdkitError
from vsdkit.plots import Parts, Run

SCORES = {"z1": 50.0, "z2": 60.0, "z3": 40.0, "overall": 48.0, "intervals": {"overall": [47, 49]}}


class Heard:
    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages that train by writing one step, a folder a rank, and always score the same."""

    def run(
        name: str, given: Mapping[str, Any], pipeline: Pipeline, folder: Path, **_: object
    ) -> Pipeline:
        if name == "finetune":
            home = folder / str(given["lora_rank"])
            home.mkdir(parents=True, exist_ok=True)
            row = {"step": 1, "loss": float(given["lora_rank"]), "learning_rate": 0.1}
            write_rows(home / "metrics.jsonl", [row])
            (home / "run.json").write_text(json.dumps({"complete": given["lora_rank"] != 3}))
            return Pipeline({**pipeline.files, "adapter": home})
        if name == "infer" and given["label"] == "bad":
            raise VsdkitError("it failed")
        return Pipeline(pipeline.files, {}, SCORES if name == "score" else {})

    monkeypatch.setattr(table, "run_stage", run)


def _ablate(tmp_path: Path, grid: dict[str, list[object]], heard: Heard) -> AblateReport:
    return ablate(grid=grid, folder=tmp_path / "grid", plots=tmp_path / "plots", listener=heard)  # type: ignore[arg-type]


def test_combinations_stand_beside_each_other_and_each_run_once(
    tmp_path: Path, stages: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: dict[str, Any] = {}
    monkeypatch.setattr(plots, "plot_parts", lambda _, parts, **__: drawn.update(parts=parts))
    monkeypatch.setattr(plots, "plot_curves", lambda _, runs, **__: drawn.update(runs=runs))
    grid: dict[str, list[object]] = {
        "finetune.lora_rank": [1, 2, 3],
        "infer.label": ["generate", "bad"],
    }
    _ablate(tmp_path, grid, Heard())
    names = [f"finetune.lora_rank = {rank}, infer.label = generate" for rank in (1, 2, 3)]
    assert drawn["parts"] == [Parts(name, 50.0, 60.0, 40.0, 48.0, (47, 49)) for name in names]
    # The third is not complete, and a run that two combinations share is there once.
    losses = {run.name: run.losses for run in drawn["runs"]}
    assert losses == {names[0]: [1.0], names[1]: [2.0]}
    assert all(isinstance(run, Run) for run in drawn["runs"])


def test_files_are_written_and_told(tmp_path: Path, stages: None) -> None:
    heard = Heard()
    _ablate(tmp_path, {"infer.label": ["generate"]}, heard)
    written = [tmp_path / "plots" / f"overall.{kind}" for kind in ("svg", "png")]
    assert heard.messages[-2:] == [f"wrote {path}" for path in written]
    assert sorted((tmp_path / "plots").iterdir()) == sorted(written)


def test_where_every_combination_failed_nothing_is_drawn(tmp_path: Path, stages: None) -> None:
    heard = Heard()
    _ablate(tmp_path, {"infer.label": ["bad"]}, heard)
    assert heard.messages[-1] == "no plot: no combination has scores"
    assert not list((tmp_path / "plots").iterdir())


def test_a_plot_that_cannot_be_written_loses_no_row(tmp_path: Path, stages: None) -> None:
    (tmp_path / "plots" / "overall.png").mkdir(parents=True)
    report = _ablate(tmp_path, {"infer.label": ["generate", "bad"]}, Heard())
    assert [row.get("scores") for row in report.rows] == [SCORES, None]
    counted, undrawn = report.failures
    assert counted.message.startswith("1 of 2 combinations failed")
    assert (undrawn.message, undrawn.where) == (
        "cannot write: not a file",
        str(tmp_path / "plots" / "overall.png"),
    )
