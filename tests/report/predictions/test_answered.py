"""What a page is about: gold, one's own items, or what run.json says was asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import RowKey
from vsdkit.errors import AlignmentError, DataError, MissingInputError
from vsdkit.manifest import Manifest, manifest_path
from vsdkit.progress import SILENT
from vsdkit.report.predictions.answered import Answered, read_answered
from vsdkit.report.predictions.verdicts import verdict_of
from vsdkit.score import score
from vsdkit.settings.report import ReportSettings
from vsdkit.settings.score import ScoreSettings

from .conftest import World

BOX = [1, 5, 2, 6]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write two items of one's own and answers to one of them; return the folder."""
    monkeypatch.chdir(tmp_path)
    items = [
        {"id": name, "image": f"{name}.jpg", "subject": "cup", "object": "table"}
        | {"subject_box": BOX, "object_box": BOX}
        for name in ("1", "2")
    ]
    answers: dict[int, Any] = {1: "on", 2: "the cup is on the table", 3: ["a cup", "b", "c"]}
    write_rows(tmp_path / "items.jsonl", items)
    write_rows(
        tmp_path / "preds.jsonl",
        [{"id": "1", "task": task, "prediction": said} for task, said in answers.items()],
    )
    return tmp_path


def read(**settings: Any) -> Answered:
    return read_answered(ReportSettings(**settings, bootstrap=0), SILENT)


def check_unscored(found: Answered) -> None:
    assert found.score is None
    assert found.remarks == (["nothing was scored: items.jsonl has no relations and no references"])
    answers = found.systems[0].answers
    assert len(answers) == len(found.rows) == 6
    assert [verdict_of(answers[RowKey("1", task)]) for task in (1, 2, 3)] == ["A", "A", "A"]
    assert answers[RowKey("1", 2)].facts == {"stated": ["on"]}
    assert verdict_of(answers[RowKey("2", 1)]) == "M"
    assert found.rows[0].subject_box == tuple(BOX)


def test_items_of_one_s_own_are_shown_and_not_scored(own: Path) -> None:
    check_unscored(read(inputs=[own / "preds.jsonl"], gold=[own / "items.jsonl"]))


def test_without_gold_the_items_are_those_that_infer_was_asked(own: Path) -> None:
    manifest = Manifest("infer", settings={"items": "items.jsonl", "images": ["x"]})
    manifest.write(manifest_path(own / "preds.jsonl"))
    check_unscored(read())


def test_without_gold_and_without_a_run_json_it_is_said_what_to_name(own: Path) -> None:
    with pytest.raises(MissingInputError, match="what these predictions answer is not known"):
        read()
    (own / "preds.jsonl.run.json").write_text('{"settings": {"other": 1}}')
    with pytest.raises(MissingInputError, match=r"no run\.json beside them"):
        read()
    (own / "preds.jsonl.run.json").write_text('{"settings": {"items": "gone.jsonl"}}')
    with pytest.raises(MissingInputError, match="no such file of items"):
        read()


def test_what_infer_was_asked_goes_before_the_usual_gold_and_a_named_one_before_it(
    own: Path,
) -> None:
    manifest = Manifest("infer", settings={"items": "items.jsonl", "images": ["x"]})
    manifest.write(manifest_path(own / "preds.jsonl"))
    row = {"id": "9", "image": "9.jpg", "task": 1, "subject": "a", "object": "b"}
    write_rows(own / "gold.jsonl", [row | {"relations": ["on"]}])
    check_unscored(read())
    rewritten = Manifest("diversify", settings={"gold": "items.jsonl", "preds": "preds.jsonl"})
    rewritten.write(manifest_path(own / "new.jsonl"))
    (own / "new.jsonl").write_text((own / "preds.jsonl").read_text())
    check_unscored(read(inputs=["new.jsonl"]))
    with pytest.raises(AlignmentError, match="in no gold row"):
        read(gold=["gold.jsonl"])
    (own / "items.jsonl").unlink()
    with pytest.raises(AlignmentError, match="in no gold row"):
        read()


def test_a_task_that_was_not_asked_has_no_answers(own: Path) -> None:
    write_rows(own / "preds.jsonl", [{"id": "1", "task": 1, "prediction": "on"}])
    found = read(gold=[own / "items.jsonl"])
    assert {key.task for key in found.systems[0].answers} == {1}


def test_answers_to_other_items_are_refused(own: Path) -> None:
    write_rows(own / "preds.jsonl", [{"id": "3", "task": 1, "prediction": "on"}])
    with pytest.raises(AlignmentError, match="in no gold row"):
        read(gold=[own / "items.jsonl"])


def test_predictions_in_the_place_of_gold_are_told(own: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(gold=[own / "preds.jsonl"])
    assert "was taken for gold, but holds predictions" in caught.value.hint


@pytest.mark.java
def test_scores_are_those_of_vsdkit_score(
    world: World, odd: Answered, kept_spice_cache: Path
) -> None:
    alone = score(
        ScoreSettings(
            preds=(world.whole, world.torn),
            gold=(world.gold,),
            allow_missing=True,
            bootstrap=100,
            diagnosis=True,
        )
    )
    assert odd.score is not None
    assert odd.score.to_dict() == alone.to_dict()
    assert [one.system.name for one in odd.systems] == ["a/preds", "b/preds"]
    plain = [item for system in odd.score.systems for item in system.items]
    for told, own in zip(plain, (item for one in alone.systems for item in one.items), strict=True):
        assert {name: value for name, value in told.items() if name != "tuples"} == own
