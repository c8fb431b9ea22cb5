"""The whole scoring, with Java."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from vsdkit.data.jsonl import read_rows, write_rows
from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.errors import AlignmentError, ConfigError, DataError, VsdkitError
from vsdkit.formats.align import RowCounts
from vsdkit.metrics import overall, z2, z3
from vsdkit.score import score
from vsdkit.score.baselines import BASELINES
from vsdkit.score.numbers import NUMBERS
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
    assert report.systems[0].counts[3].unparsed == 1
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
    assert "java:25" in str(report.signatures["task2.spice"])
    manifest = orjson.loads(Path(f"{files['items']}.run.json").read_bytes())
    assert manifest["scores"] == report.to_dict()
    assert not report.failures


def test_sub_scores_stand_in_all_and_in_the_rows_and_nowhere_else(
    files: dict[str, Path], kept_spice_cache: Path
) -> None:
    report = score(ScoreSettings(**files, all_numbers=True, bootstrap=0))
    labels = [str(line[0]) for line in report.tables()[0].rows]
    assert {"2 SPICE relation", "3 SPICE object", "3 SPICE cardinality"} <= set(labels)
    items = {(row["id"], row["task"]): row for _, row in read_rows(files["items"])}
    # Row 1: its sentence is a reference; the other one adds "small". Row 2: nothing in common.
    assert items["1", 2]["spice_color"] == 100
    assert items["1", 2]["spice_size"] == 0
    assert items["1", 2]["spice_cardinality"] is None
    assert 0 < items["1", 2]["spice_object"] <= 100
    assert report.numbers["task2.spice_object"] == items["1", 2]["spice_object"] / 2
    assert "no reference says anything of it" in report.reasons["task3.spice_cardinality"]
    without = score(ScoreSettings(preds=files["preds"], gold=files["gold"], bootstrap=0))
    assert not any("spice_" in key.replace("spice_coco", "") for key in without.numbers)


def test_without_network_everything_but_spice_has_its_number(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSDKIT_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    report = score(ScoreSettings(**files))
    absent = {name for name, value in report.numbers.items() if value is None}
    assert absent == {
        *("overall", "z2", "z3"),
        *("task2.spice", "task2.spice_coco", "task3.spice", "task3.spice_coco"),
        *(one.key for one in NUMBERS if one.sub_score),
    }
    assert set(report.reasons) == absent
    assert "cannot be fetched" in report.reasons["overall"]
    assert report.numbers["task2.bleu4"] == pytest.approx(50, abs=1e-4)
    assert len(report.failures) == 1


def test_without_java_f1_has_its_number(
    files: dict[str, Path], kept_spice_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsdkit.jvm.java.java_library", lambda: Path("/nowhere/libjvm.so"))
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
    assert report.systems[0].counts[3].n == 0
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
    counts = report.systems[0].counts
    assert counts == {task: RowCounts(unparsed=0, missing=1, errors=0, n=2) for task in (1, 2, 3)}
    assert report.numbers["task2.spice"] == pytest.approx(50)


def test_only_relations_start_no_java(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rows(files["preds"], [row for _, row in read_rows(files["preds"]) if row["task"] == 1])
    monkeypatch.setattr("vsdkit.score.sentences.Java", None)
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


def second_system(files: dict[str, Path]) -> Path:
    """Write predictions that answer both items perfectly, in three different sentences."""
    path = files["preds"].with_name("better.jsonl")
    answers: dict[int, Any] = {1: "on", 2: BLACK, 3: (BLACK, SMALL, BOAT)}
    rows = [PredictionRow(name, task, answers[task]) for name in "12" for task in (1, 2, 3)]
    write_rows(path, [row.to_dict() for row in rows])
    return path


def test_intervals_stand_for_every_number(files: dict[str, Path], kept_spice_cache: Path) -> None:
    report = score(ScoreSettings(**files))
    (system,) = report.systems
    assert set(system.intervals) == set(report.numbers)
    # Two images, one right and one wrong: a resample has none, one or both of the right one.
    assert system.intervals["task1.accuracy"] == (0, 100)
    assert "images:2|resamples:1000|seed:0" in str(report.signatures["interval"])
    assert score(ScoreSettings(**files)).to_dict() == report.to_dict()


def test_rows_that_cannot_be_written_cost_no_number(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, rows: object) -> None:
        raise VsdkitError("cannot write: No space left on device", where=str(path))

    monkeypatch.setattr("vsdkit.score.run.write_rows", full)
    report = score(ScoreSettings(**files))
    assert report.numbers["z1"] == 50
    assert "No space left" in report.failures[0].message
    (files["items"]).mkdir()
    with pytest.raises(VsdkitError, match="cannot write"):
        score(ScoreSettings(**{**files, "items": files["items"] / ".." / "gold.jsonl" / "x"}))


def test_one_image_has_no_interval(files: dict[str, Path]) -> None:
    for name in ("preds", "gold"):
        rows = [row for _, row in read_rows(files[name]) if (row["id"], row["task"]) == ("1", 1)]
        write_rows(files[name], rows)
    report = score(ScoreSettings(**files))
    assert not report.systems[0].intervals
    assert "interval" not in report.signatures


def test_no_resamples_load_no_numpy(files: dict[str, Path]) -> None:
    import subprocess
    import sys

    write_rows(files["preds"], [row for _, row in read_rows(files["preds"]) if row["task"] == 1])
    code = (
        "import sys; from vsdkit.score import score; from vsdkit.settings.score import "
        f"ScoreSettings; score(ScoreSettings(preds={str(files['preds'])!r}, "
        f"gold={str(files['gold'])!r}, bootstrap=0)); "
        "print([name for name in ('numpy', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_coco_reading_makes_the_totals(files: dict[str, Path], kept_spice_cache: Path) -> None:
    numbers = score(ScoreSettings(**files, reading="coco", bootstrap=0)).numbers
    paper = score(ScoreSettings(**files, bootstrap=0)).numbers
    parts = {name for name in numbers if "." in name}
    assert {name: numbers[name] for name in parts} == {name: paper[name] for name in parts}
    assert numbers["z2"] == z2(numbers["task2.bleu4_coco"], numbers["task2.spice_coco"])  # type: ignore[arg-type]
    assert numbers["z3"] == z3(numbers["task3.mbleu4_corpus"], numbers["task3.spice_coco"])  # type: ignore[arg-type]
    assert numbers["overall"] != paper["overall"]


def test_systems_stand_side_by_side(files: dict[str, Path], kept_spice_cache: Path) -> None:
    better = second_system(files)
    settings = ScoreSettings(**(files | {"preds": (files["preds"], better)}))
    document = score(settings).to_dict()
    assert list(document["systems"]) == ["preds", "better"]
    # With its rows written, too: they have the sub-scores, and so have the numbers then.
    its_rows = files["items"].with_name("alone.jsonl")
    alone = score(ScoreSettings(**(files | {"preds": better, "items": its_rows}))).to_dict()
    assert document["systems"]["better"] == {
        name: value for name, value in alone.items() if name not in ("reading", "signature")
    }
    (apart,) = document["differences"]
    assert (apart["system"], apart["minus"]) == ("better", "preds")
    z1 = apart["numbers"]["z1"]
    assert (z1["difference"], z1["interval"]) == (50, [0, 100])
    items = [row for _, row in read_rows(files["items"])]
    assert [row["system"] for row in items] == ["preds"] * 6 + ["better"] * 6


def test_a_system_without_a_task_is_compared_in_the_others(
    files: dict[str, Path], kept_spice_cache: Path
) -> None:
    better = second_system(files)
    write_rows(better, [row for _, row in read_rows(better) if row["task"] != 3])
    report = score(ScoreSettings(**(files | {"preds": (files["preds"], better)})))
    numbers = report.differences[0].numbers
    assert "task2.spice" in numbers
    assert not {"task3.spice", "z3", "overall"} & set(numbers)
    assert any(line == "better: n/a: no predictions of task 3" for line in report.notes())


def test_captions_metrics_baselines_and_intervals(
    files: dict[str, Path], kept_spice_cache: Path
) -> None:
    report = score(ScoreSettings(**files, coco_metrics=True, baselines=True))
    document = report.to_dict()
    captions = document["coco_metrics"]
    assert list(captions) == [
        *("bleu1", "bleu2", "bleu3", "bleu4", "meteor", "rouge_l", "cider", "spice"),
    ]
    assert captions["bleu4"] == document["task2"]["bleu4_coco"]
    assert captions["spice"] == document["task2"]["spice_coco"]
    assert captions["bleu1"] > captions["bleu4"]
    items = {(row["id"], row["task"]): row for _, row in read_rows(files["items"])}
    assert items["1", 2]["meteor"] == items["1", 2]["rouge_l"] == 100
    low, high = document["intervals"]["coco_metrics.meteor"]
    assert low < captions["meteor"] < high == 100
    assert list(document["baselines"]) == list(BASELINES)
    for numbers in document["baselines"].values():
        assert numbers["task1"]["accuracy"] == 100
        assert numbers["coco_metrics"]["meteor"] > 0
    plain, existential = list(document["baselines"].values())[1:]
    assert existential["task2"]["bleu4"] > plain["task2"]["bleu4"]


def test_meteor_that_cannot_run_costs_nothing_else(
    files: dict[str, Path], kept_spice_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsdkit.jvm.meteor._MODULE", "vsdkit.jvm.no_such_module")
    report = score(ScoreSettings(**files, coco_metrics=True))
    assert report.numbers["coco_metrics.meteor"] is None
    assert "no_such_module" in report.reasons["coco_metrics.meteor"]
    assert report.numbers["overall"] is not None
    assert report.numbers["coco_metrics.cider"] is not None
    assert len(report.failures) == 1


def test_items_have_facts_of_the_diagnosis(files: dict[str, Path], kept_spice_cache: Path) -> None:
    report = score(ScoreSettings(**files, diagnosis=True, worst=1))
    items = {(row["id"], row["task"]): row for _, row in read_rows(files["items"])}
    assert items["1", 2]["stated"] == ["on"]
    assert items["1", 1]["subject"] == "dog"
    document = report.to_dict()
    assert document["diagnosis"]["task1"]["confusion"]["on"]["to the left of"] == 1
    assert [(row["id"], row["task"]) for row in document["worst"]] == [
        *(("2", 1), ("2", 2), ("2", 3)),
    ]


def test_submission_is_written(files: dict[str, Path], tmp_path: Path) -> None:
    boxes = {"subject_box": [0, 9, 0, 9], "object_box": [5, 20, 0, 20]}
    write_rows(files["gold"], [row | boxes for _, row in read_rows(files["gold"])])
    folder = tmp_path / "made"
    with pytest.raises(AlignmentError, match="1 of 6 answers"):
        score(ScoreSettings(**files, submission=folder))
    better = second_system(files)
    made = ScoreSettings(**(files | {"preds": better}), submission=folder, bootstrap=0)
    numbers = score(made).numbers
    again = score(ScoreSettings(**(files | {"preds": folder}), bootstrap=0)).numbers
    assert again == numbers
    manifest = orjson.loads(Path(f"{files['items']}.run.json").read_bytes())
    assert [Path(name).name for name in manifest["inputs"]] == [
        *("task1-2.json", "task3.json", "gold.jsonl"),
    ]
    with pytest.raises(ConfigError, match="a submission is of one system, and 2 are named"):
        score(ScoreSettings(**(files | {"preds": (files["preds"], better)}), submission=folder))


def test_baseline_needs_relations(files: dict[str, Path]) -> None:
    rows = [row for _, row in read_rows(files["gold"]) if row["task"] == 2]
    write_rows(files["gold"], [row | {"relations": []} for row in rows])
    write_rows(files["preds"], [row for _, row in read_rows(files["preds"]) if row["task"] == 2])
    with pytest.raises(DataError, match="needs gold relations") as caught:
        score(ScoreSettings(**files, baselines=True))
    assert "--baselines" in caught.value.hint


def test_rows_that_hold_an_error_are_counted_apart_and_told(
    files: dict[str, Path], kept_spice_cache: Path
) -> None:
    whole = score(ScoreSettings(**files, bootstrap=0))
    rows = [row for _, row in read_rows(files["preds"])]
    for row in rows:
        if row["prediction"] is None:
            row |= {"error": "the server answered 500", "raw": None}
    write_rows(files["preds"], rows)
    report = score(ScoreSettings(**files, bootstrap=0, worst=1))
    counts = report.to_dict()["task3"]
    assert (counts["errors"], counts["unparsed"], counts["missing"]) == (1, 0, 0)
    notes = report.notes()
    assert "warning: 1 rows hold an error: run the same infer command again" in notes
    assert ("task 3: 2 rows, counted as wrong: 0 unparsed, 0 missing, 1 with an error") in notes
    assert report.numbers == whole.numbers, "as wrong as a row that could not be read"
    assert not any("error" in note for note in whole.notes())
    (item,) = [row for _, row in read_rows(files["items"]) if "error" in row]
    assert (item["id"], item["error"]) == ("2", "the server answered 500")
    assert "(error) the server answered 500" in str(report.tables()[-1].rows)
