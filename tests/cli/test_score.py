from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vsdkit.cli.app import app
from vsdkit.data.jsonl import write_rows

runner = CliRunner()

GOLD = [
    {"id": name, "image": "1.jpg", "task": task, "subject": "cup", "object": "tray"}
    | {"relations": ["on"], "references": ["a cup stands on a tray"]}
    for name in ("1", "2")
    for task in (1, 2, 3)
]
SENTENCE = "a cup stands on a tray"
PREDICTIONS = [
    {"id": row["id"], "task": row["task"]}
    | {"prediction": {1: "on", 2: SENTENCE, 3: [SENTENCE] * 3}[int(str(row["task"]))]}
    for row in GOLD
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "gold.jsonl", GOLD)
    write_rows(tmp_path / "preds.jsonl", PREDICTIONS)
    return tmp_path


@pytest.mark.java
def test_json_is_one_document_on_stdout(folder: Path, kept_spice_cache: Path) -> None:
    done = runner.invoke(app, ["score", "preds.jsonl", "gold.jsonl", "--json"])
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert document["z1"] == document["task2"]["spice"] == 100
    assert document["z2"] == pytest.approx(100)
    assert document["z3"] == pytest.approx(0.5 * (50 - 100) + 50)


@pytest.mark.java
def test_metric_that_cannot_run_is_na_and_exit_code_3(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSDKIT_CACHE", str(folder / "empty"))
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    done = runner.invoke(app, ["score", "--json"])
    assert done.exit_code == 3
    document = json.loads(done.stdout)
    assert document["overall"] is None
    assert document["task2"]["spice"] is None
    assert document["task2"]["bleu4"] == pytest.approx(100)
    assert "cannot be fetched" in document["reasons"]["task2.spice"]
    assert "do: " in done.stderr
    table = runner.invoke(app, ["score"])
    assert (table.exit_code, "n/a" in table.stdout) == (3, True)


def test_relations_alone_are_scored_without_java(folder: Path) -> None:
    write_rows(folder / "preds.jsonl", [row for row in PREDICTIONS if row["task"] == 1])
    done = runner.invoke(app, ["score", "--items", "items.jsonl", "--quiet"])
    assert (done.exit_code, done.stderr) == (0, "")
    assert "n/a: no predictions of task 2" in done.stdout
    assert len((folder / "items.jsonl").read_text().splitlines()) == 2


def test_missing_row_is_exit_code_1_unless_allowed(folder: Path) -> None:
    rows = [row for row in PREDICTIONS if row["task"] == 1]
    write_rows(folder / "preds.jsonl", rows[:1])
    done = runner.invoke(app, ["score"])
    assert done.exit_code == 1
    assert "id '2', task 1" in done.stderr
    (folder / "gold.jsonl").write_text("".join(json.dumps(row) + "\n" for row in GOLD[::3]))
    allowed = runner.invoke(app, ["score", "--allow-missing", "--json"])
    assert allowed.exit_code == 0
    assert json.loads(allowed.stdout)["task1"]["accuracy"] == 50


def relations_only(folder: Path) -> None:
    write_rows(folder / "gold.jsonl", [row for row in GOLD if row["task"] == 1])
    rows = [row for row in PREDICTIONS if row["task"] == 1]
    write_rows(folder / "preds.jsonl", rows)
    write_rows(folder / "other.jsonl", [rows[0], rows[1] | {"prediction": "in"}])


def test_two_files_are_predictions_and_gold(folder: Path) -> None:
    relations_only(folder)
    (folder / "gold.jsonl").rename("known.jsonl")
    done = runner.invoke(app, ["score", "other.jsonl", "known.jsonl", "--json"])
    assert json.loads(done.stdout)["task1"]["accuracy"] == 50
    named = runner.invoke(app, ["score", "other.jsonl", "--gold", "known.jsonl", "--json"])
    assert named.stdout == done.stdout


def test_with_gold_named_all_files_are_predictions(folder: Path) -> None:
    relations_only(folder)
    arguments = ["score", "preds.jsonl", "other.jsonl", "--gold", "gold.jsonl"]
    done = runner.invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert [one["task1"]["accuracy"] for one in document["systems"].values()] == [100, 50]
    table = runner.invoke(app, arguments)
    assert "other - preds" in table.stdout
    assert "-50.0000" in table.stdout
    assert "gold: gold.jsonl" in table.stderr


def test_files_that_cannot_be_told_apart_are_refused(folder: Path) -> None:
    relations_only(folder)
    done = runner.invoke(app, ["score", "preds.jsonl", "other.jsonl", "gold.jsonl"])
    assert done.exit_code == 2
    assert "vsdkit score preds.jsonl other.jsonl --gold gold.jsonl" in done.stderr
    forgotten = runner.invoke(app, ["score", "preds.jsonl", "other.jsonl"])
    assert forgotten.exit_code == 1
    assert "other.jsonl was taken for gold" in forgotten.stderr


def test_gold_of_a_settings_file_goes_below_the_flags(folder: Path) -> None:
    relations_only(folder)
    (folder / "score.yaml").write_text("gold: gold.jsonl\npreds: [preds.jsonl, other.jsonl]\n")
    done = runner.invoke(app, ["score", "--config", "score.yaml", "--json"])
    assert list(json.loads(done.stdout)["systems"]) == ["preds", "other"]


def test_worst_rows_and_diagnosis_are_shown(folder: Path) -> None:
    relations_only(folder)
    done = runner.invoke(app, ["score", "other.jsonl", "gold.jsonl", "--worst", "1", "--diagnosis"])
    assert "the 1 worst rows of each task" in done.stdout
    assert "task 1 by relation" in done.stdout


@pytest.mark.parametrize("gold", [["gold.jsonl"], ["--gold", "gold.jsonl"], []])
def test_questions_are_exported_and_nothing_is_scored(folder: Path, gold: list[str]) -> None:
    done = runner.invoke(app, ["score", *gold, "--export-questions", "questions.jsonl", "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {
        "output": "questions.jsonl",
        "tool": "llava",
        "questions": len(GOLD),
    }
    rows = [json.loads(line) for line in Path("questions.jsonl").read_text().splitlines()]
    assert rows[0]["question_id"] == "1/1"
    table = runner.invoke(
        app, ["score", *gold, "--export-questions", "q.jsonl", "--questions-for", "llama-factory"]
    )
    assert "llama-factory" in table.stdout


def test_unknown_tool_is_refused(folder: Path) -> None:
    arguments = ["score", "--export-questions", "q.jsonl", "--questions-for", "robot"]
    done = runner.invoke(app, arguments)
    assert done.exit_code == 2
    assert "questions_for = 'robot'" in done.stderr


def test_settings_file(folder: Path) -> None:
    (folder / "score.yaml").write_text("java_memory_mib: 1\n")
    done = runner.invoke(app, ["score", "--config", "score.yaml"])
    assert done.exit_code == 2
    assert "java_memory_mib = 1" in done.stderr
