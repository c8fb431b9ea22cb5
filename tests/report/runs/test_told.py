"""States in words, settings that differ, values in tables."""

from __future__ import annotations

import math
from array import array
from pathlib import Path
from typing import Any

import pytest

from vsdkit.finetune.run_state import Progress, RunState, Steps
from vsdkit.launch.failure import Failure
from vsdkit.report.runs.told import make_card, make_labels, settings_of, values_of


def _run(state: Any = "stopped", *, steps: int = 0, **more: Any) -> RunState:
    columns = {
        "loss": array("d", [1 / step for step in range(1, steps + 1)]),
        "seconds": array("d", [60.0] * steps),
        "remaining_seconds": array("d", [120.0] * steps),
    }
    told: dict[str, Any] = {
        "settings": {"learning_rate": 0.1, "name": "a"},
        "origins": {"learning_rate": "flag"},
        "identity": {"learning_rate": 0.1},
        "plan": {"steps": 100},
        "argv": ["finetune", "--name", "a b"],
        "checkpoints": [],
    }
    return RunState(
        folder=Path("runs/a"),
        state=state,
        steps=Steps(array("q", range(1, steps + 1)), columns),
        **told | more,
    )


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (_run("running"), "running, before its first step"),
        (_run("running", steps=3), "running: step 3 of 100, about 2 minutes left"),
        (_run("stopped", steps=3), "stopped at step 3 of 100"),
        (_run("stopped", steps=3, checkpoints=[1, 2]),
         "stopped at step 3 of 100, goes on from step 2"),
        (_run("failed", steps=3), "failed at step 3 of 100"),
        (_run("complete", steps=3), "complete: 3 steps"),
        (_run("evaluating", steps=3, evaluating=Progress(1, 1200)),
         "all steps done; answering gold: 1 of 1,200 rows"),
        (_run("stopped", steps=3, plan={}), "stopped at step 3"),
    ],
)  # fmt: skip
def test_each_state_is_said(run: RunState, said: str) -> None:
    assert make_card(run, number=1, label="a").told == said


def test_a_run_that_ended_early_names_the_command_that_goes_on() -> None:
    assert make_card(_run(), number=1, label="a").again == "vsdkit finetune --name 'a b'"
    assert make_card(_run("running"), number=1, label="a").again == ""


def test_a_failure_says_what_where_and_what_to_do() -> None:
    failure = Failure(0, 1.0, "DataError", "a wrong row", "rows.jsonl:3", "fix it")
    card = make_card(_run("failed", failure=failure), number=1, label="a")
    assert card.failure == ["a wrong row", "where: rows.jsonl:3", "do: fix it"]


def test_numbers_and_scores_are_those_of_the_end() -> None:
    evaluation = {"scores": {"task1": {"accuracy": 0.51239, "f1_macro": None}}}
    card = make_card(_run("complete", steps=4, evaluation=evaluation), number=1, label="a")
    assert ("loss", "0.25") in card.numbers
    assert ("time", "4 minutes") in card.numbers
    assert card.scores == [("task 1", [("accuracy", "0.5124"), ("f1_macro", "n/a")])]


def test_settings_that_differ_are_marked_and_hashes_count() -> None:
    one = _run(settings={"instructions": "i.jsonl", "seed": 0, "name": "a"},
               identity={"instructions": "a" * 64, "seed": 0})  # fmt: skip
    two = _run(settings={"instructions": "i.jsonl", "seed": 0, "name": "b"},
               identity={"instructions": "b" * 64, "seed": 0}, plan={"steps": 50})  # fmt: skip
    rows = {row.name: row for row in settings_of([one, two])}
    assert rows["instructions"].values == [f"i.jsonl ({'a' * 12})", f"i.jsonl ({'b' * 12})"]
    assert {name for name, row in rows.items() if row.differs} == {"instructions", "steps"}


def test_a_file_of_another_name_and_the_same_content_is_no_difference() -> None:
    one, two = (
        _run(settings={"images": [name], "save_steps": None}, identity={"images": "a" * 64},
             plan={"save_steps": steps})
        for name, steps in (("a", 4), ("b/a", 5))
    )  # fmt: skip
    images, save_steps = settings_of([one, two])
    assert images.values == [f"a ({'a' * 12})", f"b/a ({'a' * 12})"]
    assert not images.differs
    assert save_steps.values == ["none (4)", "none (5)"]
    assert save_steps.differs


def test_a_setting_that_an_older_run_lacks_is_not_known() -> None:
    rows = {row.name: row for row in settings_of([_run(), _run(settings={})])}
    assert rows["learning_rate"].values == ["0.1", "not known"]
    assert rows["learning_rate"].origins == ["flag", "flag"]


def test_runs_of_one_name_are_told_apart() -> None:
    assert make_labels([Path("/a/x"), Path("/b/x"), Path("/b/y")]) == ["a/x", "b/x", "y"]


def test_the_table_has_the_first_and_last_step_and_says_what_is_no_number() -> None:
    table = values_of(_run(steps=500), label="a")
    assert table.columns == ["step", "loss"]
    assert (table.rows[0], table.rows[-1]) == (["1", "1"], ["500", "0.002"])
    assert len(table.rows) == 12
    run = _run(steps=1)
    run.steps.columns["loss"][0] = math.nan
    assert values_of(run, label="a").rows == [["1", "not a number"]]
    assert values_of(_run(), label="a").rows == []
