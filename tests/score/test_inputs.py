"""Which file is what."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import GoldRow, PredictionRow, RowKey
from vsdkit.errors import ConfigError, DataError, MissingInputError
from vsdkit.progress import SILENT
from vsdkit.score.inputs import read_gold, read_systems, refuse_outputs
from vsdkit.settings.score import ScoreSettings

A, B, C, GOLD = (Path(f"{name}.jsonl") for name in ("a", "b", "c", "gold"))


class Heard:
    """A listener that keeps its messages."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.track = SILENT.track

    def message(self, text: str) -> None:
        self.messages.append(text)


def gold_row(task: int = 2, **changes: object) -> GoldRow:
    values: dict[str, object] = {"id": "1", "image": "1.jpg", "task": task, "subject": "cup"}
    values |= {"object": "tray", "relations": ["on"], "references": ["a cup"]}
    values |= {"subject_box": [1, 2, 3, 4], "object_box": [1, 2, 3, 4]}
    return GoldRow.from_dict(values | changes)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_rows(GOLD, [gold_row(task).to_dict() for task in (1, 2, 3)])
    for name in (A, B):
        write_rows(name, [PredictionRow("1", 2, f"a cup on a tray, says {name}").to_dict()])
    return tmp_path


def systems_of(*paths: Path, **settings: object) -> list[tuple[str, tuple[Path, ...]]]:
    values: dict[str, object] = {"preds": paths, "gold": GOLD}
    found = read_systems(
        ScoreSettings(**(values | settings)),  # type: ignore[arg-type]
        [gold_row(task) for task in (1, 2, 3)],
        SILENT,
    )
    return [(system.name, system.paths) for system in found]


def test_what_files_were_taken_for_is_said(folder: Path) -> None:
    heard, settings = Heard(), ScoreSettings(preds=(A,), gold=(GOLD,))
    gold = read_gold(settings, heard)
    assert list(gold) == [RowKey("1", task) for task in (1, 2, 3)]
    read_systems(settings, list(gold.values()), heard)
    assert heard.messages[0].startswith("gold: gold.jsonl: vsdkit's own form, 3 rows")
    assert heard.messages[1].startswith("predictions: a.jsonl: vsdkit's own form, 1 row")


def test_each_file_is_a_system_named_by_its_stem(folder: Path) -> None:
    assert systems_of(A, B) == [("a", (A,)), ("b", (B,))]
    Path("x").mkdir()
    other = Path("x/a.jsonl")
    other.write_bytes(A.read_bytes())
    assert [name for name, _ in systems_of(A, other)] == [f"{folder.name}/a", "x/a"]
    same = Path("a.json")
    same.write_bytes(A.read_bytes())
    assert [name for name, _ in systems_of(A, same)] == ["a.jsonl", "a.json"]


def test_file_named_twice_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"a\.jsonl is named twice"):
        systems_of(A, B, A)


def submission(folder: Path) -> tuple[Path, Path]:
    folder.mkdir(exist_ok=True)
    paths = folder / "task1-2.json", folder / "task3.json"
    triple = {"s": "cup", "o": "tray", "p": "on", "s_bbox": [1, 2, 3, 4], "o_bbox": [1, 2, 3, 4]}
    first = [{"img_id": "1.jpg", "triple_list": [triple], "description": ["a cup"]}]
    second = [{"img_id": "1.jpg", "description": ["a", "b", "c"]}]
    for path, entries in zip(paths, (first, second), strict=True):
        path.write_bytes(orjson.dumps(entries))
    return paths


def test_two_files_of_a_submission_are_one_system(folder: Path) -> None:
    ours, theirs = submission(Path("ours")), submission(Path("theirs"))
    assert systems_of(*ours) == [("ours", ours)]
    assert systems_of(*reversed(ours)) == [("ours", tuple(reversed(ours)))]
    assert systems_of(*ours, A, *theirs) == [("ours", ours), ("a", (A,)), ("theirs", theirs)]
    assert [name for name, _ in systems_of(Path("ours"), Path("theirs"))] == ["ours", "theirs"]


def test_two_submissions_in_one_folder(folder: Path) -> None:
    ours = submission(Path("both"))
    theirs = tuple(path.rename(path.with_stem(f"{path.stem}_b")) for path in ours)
    submission(Path("both"))
    names = [name for name, _ in systems_of(*ours, *theirs)]
    assert names == [" + ".join(str(path.resolve()) for path in pair) for pair in (ours, theirs)]
    with pytest.raises(ConfigError, match="which two are one system's is not clear"):
        systems_of(ours[0], theirs[0], ours[1], theirs[1])


def test_same_part_of_two_submissions_is_two_systems(folder: Path) -> None:
    ours, theirs = submission(Path("ours")), submission(Path("theirs"))
    names = [name for name, _ in systems_of(ours[0], theirs[0])]
    assert names == ["ours/task1-2", "theirs/task1-2"]


def test_kind_and_task_can_be_forced(folder: Path) -> None:
    gold = [gold_row(task) for task in (1, 2, 3)]
    path = Path("answers.txt")
    path.write_text("on\n")

    def rows_of(**settings: object) -> list[tuple[int, object]]:
        values: dict[str, object] = {"preds": path, "gold": GOLD}
        (system,) = read_systems(ScoreSettings(**(values | settings)), gold, SILENT)  # type: ignore[arg-type]
        return [(row.task, row.prediction) for row in system.rows]

    assert rows_of() == [(1, "on")]
    assert rows_of(task=2) == [(2, "on")]
    path.write_text('{"id": "1", "task": 3, "prediction": null}\n')
    assert rows_of() == [(3, None)]
    assert rows_of(kind="lines", task=2)[0][0] == 2


def test_predictions_in_the_place_of_gold_are_told(folder: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_gold(ScoreSettings(preds=(A,), gold=(B,)), SILENT)
    assert "b.jsonl was taken for gold" in caught.value.hint
    assert "--gold" in caught.value.hint


def test_gold_must_have_answers_but_not_for_questions(folder: Path) -> None:
    write_rows(GOLD, [gold_row(references=[]).to_dict()])
    with pytest.raises(DataError, match="id '1', task 2 has no references"):
        read_gold(ScoreSettings(gold=GOLD), SILENT)  # type: ignore[arg-type]
    settings = ScoreSettings(gold=(GOLD,), export_questions=Path("q.jsonl"))
    assert len(read_gold(settings, SILENT)) == 1


@pytest.mark.parametrize(
    ("output", "named"),
    [
        ({"items": A}, "--items and predictions"),
        ({"items": GOLD}, "--items and gold"),
        ({"items": Path("sub/task3.json")}, "--items and predictions"),
        ({"submission": Path("sub")}, "--submission and predictions"),
    ],
)
def test_what_is_read_is_not_written_over(
    folder: Path, output: dict[str, Path], named: str
) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "task3.json").write_text("[]")
    settings = ScoreSettings(preds=(A, Path("sub")), gold=(GOLD,), **output)
    with pytest.raises(ConfigError, match=named):
        refuse_outputs(settings)


def test_file_that_is_not_there(folder: Path) -> None:
    with pytest.raises(MissingInputError, match="no such file") as caught:
        systems_of(Path("none.jsonl"))
    assert "vsdkit infer" in caught.value.hint
    with pytest.raises(MissingInputError, match="no such file") as caught:
        read_gold(ScoreSettings(gold=(Path("none.jsonl"),)), SILENT)
    assert "--gold FILE" in caught.value.hint
    with pytest.raises(MissingInputError, match="no such file"):
        systems_of(A, Path("none.jsonl"))
