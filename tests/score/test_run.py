"""The whole scoring, with Java."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from vsdkit.data.jsonl import read_rows, write_rows
from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.errors import AlignmentError
from vsdkit.metrics import overall, z2, z3
from vsdkit.score import score
from vsdkit.settings.score import ScoreSettings

pytestmark = pytest.mark.java

BLACK = "A black dog sits on the mat."
SMALL = "There is a small dog on the mat."
BOAT = "The boat is near an old pier."


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Write two items with three tasks each, the first answered perfectly."""
    gold, preds = [], []
    answers: dict[str, dict[int, Any]] = {
        "1": {1: "on", 2: BLACK, 3: (BLACK, SMALL, BOAT)},
        "2": {1: "left", 2: BOAT, 3: None},
    }
    for name, answer in answers.items():
        for task in (1, 2, 3):
            references = () if task == 1 else (BLACK, SMALL) if task == 2 else (SMALL,)
            gold.append(
                GoldRow(name, f"{name}.jpg", task, "dog", "mat", None, None, ("on",), references)
            )
            preds.append(PredictionRow(name, task, answer[task], raw="…"))
    paths = {name: tmp_path / f"{name}.jsonl" for name in ("preds", "gold", "items")}
    write_rows(paths["gold"], [row.to_dict() for row in gold])
    write_rows(paths["preds"], [row.to_dict() for row in preds])
    return paths


def test_numbers_signatures_and_items(files: dict[str, Path], kept_spice_cache: Path) -> None:
    report = score(ScoreSettings(**files))
    numbers = report.numbers
    assert numbers["z1"] == numbers["task1.f1_micro"] == 50
    assert numbers["task2.bleu4"] == pytest.approx(50, abs=1e-4)
    # Row 1: its sentence is a reference. Row 2: no tuple in common.
    assert numbers["task2.spice"] == pytest.approx(50)
    assert numbers["task3.unparsed"] == 1
    items = {(row["id"], row["task"]): row for _, row in read_rows(files["items"])}
    assert len(items) == 6
    assert items["1", 2]["spice_by_reference"][0] == 100
    assert items["1", 2]["spice_merged"] < 100
    assert items["1", 3]["spice_by_sentence"][1:] == [100, 0]
    assert (items["2", 3]["mbleu4"], items["2", 3]["spice"]) == (100, 0)
    assert numbers["task3.mbleu4"] == pytest.approx((items["1", 3]["mbleu4"] + 100) / 2)
    assert numbers["z2"] == z2(numbers["task2.bleu4"], numbers["task2.spice"])  # type: ignore[arg-type]
    assert numbers["z3"] == z3(numbers["task3.mbleu4"], numbers["task3.spice"])  # type: ignore[arg-type]
    assert numbers["overall"] == overall(numbers["z1"], numbers["z2"], numbers["z3"])  # type: ignore[arg-type]
    assert "java:25" in report.signatures["task2.spice"]
    manifest = orjson.loads(Path(f"{files['items']}.run.json").read_bytes())
    assert manifest["scores"] == report.to_dict()
    assert not report.failures


def test_without_network_everything_but_spice_has_its_number(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSDKIT_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    report = score(ScoreSettings(**files))
    absent = {name for name, value in report.numbers.items() if value is None}
    assert absent == {
        *("overall", "z2", "z3", "task2.spice", "task2.spice_coco", "task3.spice"),
    }
    assert set(report.reasons) == absent
    assert "cannot be fetched" in report.reasons["overall"]
    assert report.numbers["task2.bleu4"] == pytest.approx(50, abs=1e-4)
    assert len(report.failures) == 1


def test_without_java_f1_has_its_number(
    files: dict[str, Path], kept_spice_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsdkit.jvm.process.java_library", lambda: Path("/nowhere/libjvm.so"))
    report = score(ScoreSettings(**files))
    assert report.numbers["z1"] == 50
    assert report.numbers["task2.bleu4"] is None
    assert report.numbers["task3.spice"] is None
    assert "libjvm.so" in report.reasons["task3.mbleu4"]


def test_absent_task_makes_the_totals_na_and_fails_nothing(
    files: dict[str, Path], kept_spice_cache: Path
) -> None:
    rows = [row for _, row in read_rows(files["preds"]) if row["task"] != 3]
    write_rows(files["preds"], rows)
    report = score(ScoreSettings(**files))
    assert report.numbers["z2"] is not None
    assert report.reasons["overall"] == report.reasons["z3"] == "no predictions of task 3"
    assert report.numbers["task3.n"] == 0
    assert not report.failures


def test_allowed_missing_rows_count_as_wrong(
    files: dict[str, Path], kept_spice_cache: Path
) -> None:
    rows = [row for _, row in read_rows(files["preds"]) if row["id"] == "1"]
    write_rows(files["preds"], rows)
    with pytest.raises(AlignmentError, match="3 rows are not predicted"):
        score(ScoreSettings(**files))
    report = score(ScoreSettings(**files, allow_missing=True))
    assert report.numbers["task1.accuracy"] == 50
    assert [report.numbers[f"task{task}.missing"] for task in (1, 2, 3)] == [1, 1, 1]
    assert [report.numbers[f"task{task}.unparsed"] for task in (1, 2, 3)] == [0, 0, 0]
    assert report.numbers["task2.spice"] == pytest.approx(50)


def test_only_relations_start_no_java(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rows(files["preds"], [row for _, row in read_rows(files["preds"]) if row["task"] == 1])
    monkeypatch.setattr("vsdkit.score.run.Java", None)
    assert score(ScoreSettings(**files)).numbers["z1"] == 50


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"seen_in_training": {"pictures": 2, "seen": 1}}, {"pictures": 2, "seen": 1}),
        ({"seen_in_training": None}, None),
        ({}, None),
    ],
)
def test_what_the_adapter_saw_is_told(
    files: dict[str, Path], content: dict[str, object], expected: dict[str, int] | None
) -> None:
    write_rows(files["preds"], [row for _, row in read_rows(files["preds"]) if row["task"] == 1])
    Path(f"{files['preds']}.run.json").write_bytes(orjson.dumps(content))
    assert score(ScoreSettings(**files)).seen_in_training == expected
