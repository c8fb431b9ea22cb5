"""The challenge's two files, there and back."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.errors import AlignmentError, ConfigError, DataError, VsdkitError
from vsdkit.formats import read_predictions, write_submission


@pytest.fixture
def written(tmp_path: Path, gold, predictions) -> Path:
    write_submission(tmp_path / "sub", gold, predictions)
    return tmp_path / "sub"


def _load(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return tuple(  # type: ignore[return-value]
        json.loads((folder / name).read_text(encoding="utf-8"))
        for name in ("task1-2.json", "task3.json")
    )


def test_form_is_the_challenges(tmp_path: Path, gold, predictions) -> None:
    done = write_submission(tmp_path, gold, predictions)
    assert (done.images, done.triples) == (4, 4)
    first, second = _load(tmp_path)
    # The challenge page's form: short labels, boxes [ymin, ymax, xmin, xmax], lists of sentences.
    assert first[2] == {
        "img_id": "43.jpg",
        "triple_list": [
            {
                "s": "dog",
                "o": "dog",
                "p": "left",
                "s_bbox": [1, 20, 3, 40],
                "o_bbox": [5, 60, 7, 80],
            }
        ],
        "description": ["the dog is to the left of the dog."],
    }
    assert second[2]["img_id"] == "43.jpg"
    assert len(second[2]["description"]) == 3
    assert [entry["triple_list"][0]["p"] for entry in first] == ["above", "next", "left", "on"]


def test_files_in_any_order_and_one_alone(written: Path, gold, predictions) -> None:
    files = [written / "task3.json", written / "task1-2.json"]
    assert len(read_predictions(files, gold).rows) == 12
    alone = read_predictions(files[:1], gold)
    assert {row.task for row in alone.rows} == {3}
    assert "task 3, 4 rows" in alone.description
    with pytest.raises(AlignmentError, match="two files answer task 3"):
        read_predictions([files[0], files[0]], gold)


def test_a_picture_with_several_pairs(tmp_path: Path, gold, predictions) -> None:
    further = [
        replace(row, id="41#2", subject="kite tail", relations=("under",)) for row in gold[:3]
    ]
    said = [replace(row, id="41#2") for row in predictions[:3]]
    said[0] = replace(said[0], prediction="under")
    write_submission(tmp_path, [*gold, *further], [*predictions, *said])
    entry = _load(tmp_path)[0][0]
    assert [triple["p"] for triple in entry["triple_list"]] == ["above", "under"]
    read = read_predictions([tmp_path], [*gold, *further])
    rows = {row.key: row.prediction for row in read.rows}
    assert rows["41#2", 1] == "under"
    assert rows["41#2", 2] == rows["41", 2]
    assert "2 sentences taken for several pairs of one picture" in read.description
    # Gold that asks of the first pair alone passes the second over, and says so.
    told = read_predictions([tmp_path], gold).description
    assert "1 triples of pairs that gold does not ask" in told


def test_forms_that_others_write(gold, write) -> None:
    entries = [
        {"img_id": 41, "triple_list": [{"s": "Red  kite", "o": "barn", "p": "x"}]},
        {"img_id": "42", "description": "a cup"},
        {
            "img_id": "43.jpg",
            "triple_list": [{"s": "dog", "o": "dog", "p": p} for p in ("on", "in")],
            "description": ["a dog"],
        },
    ]
    read = read_predictions([write("a.json", entries)], gold)
    assert {tuple(row.key): row.prediction for row in read.rows} == {
        ("41", 1): None,
        ("42", 2): "a cup",
        ("43", 1): "on",
        ("43", 2): "a dog",
    }
    assert "1 further labels of a pair" in read.description


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ([], "expected an object with img_id"),
        ({"img_id": "9"}, "no gold row is about this picture"),
        ({"img_id": "42", "captions": ["a"]}, "an annotation of VSD, not an answer"),
        ({"img_id": "41.jpg", "description": ["a"]}, r"stands twice: in items \[0\] and \[1\]"),
        ({"img_id": "42", "triple_list": 7}, "'triple_list' must be a list"),
        ({"img_id": "42", "triple_list": [{"s": "cup"}]}, "must hold the texts s, o and p"),
        (
            {"img_id": "42", "triple_list": [{"s": "mug", "o": "t.v.", "p": "on"}]},
            "no triple is about a pair of gold's: 'cup' and 't.v.'",
        ),
        ({"img_id": "42", "description": 1}, "'description' must be a list of texts"),
        ({"img_id": "42", "description": ["a", "b"]}, "task 2 has one sentence, got 2"),
    ],
)
def test_wrong_entry_is_named(gold, write, entry: object, message: str) -> None:
    good = {"img_id": "41", "triple_list": [], "description": ["a"]}
    path = write("a.json", [good, entry])
    with pytest.raises(DataError, match=message) as caught:
        read_predictions([path], gold)
    assert caught.value.where.startswith(f"{path}, item [1]")


def test_task_three_needs_three_sentences(gold, write) -> None:
    good = {"img_id": "41", "description": ["a", "b", "c"]}
    rows = [good, {"img_id": "42", "description": ["a\nb\nc"]}, good | {"img_id": "44"}]
    read = read_predictions([write("a.json", rows)], gold)
    assert [row.prediction for row in read.rows] == [("a", "b", "c")] * 3
    path = write("b.json", [*rows, {"img_id": "43", "description": ["a", "b"]}])
    with pytest.raises(DataError, match="task 3 has three sentences, got 2"):
        read_predictions([path], gold)


def test_broken_document_names_the_picture_before(written: Path, gold) -> None:
    path = written / "task3.json"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"43.jpg",', b'"43.jpg"'))
    with pytest.raises(DataError, match="not JSON") as caught:
        read_predictions([path], gold)
    assert "img_id '43.jpg'" in caught.value.where
    path.write_bytes(whole.replace(b"picture 42", b"picture \xff"))
    with pytest.raises(DataError, match="not UTF-8") as caught:
        read_predictions([path], gold)
    assert "img_id '42.jpg'" in caught.value.where
    path.write_bytes(b'{"img_id": "41"}')
    with pytest.raises(DataError, match="expected a JSON list of pictures"):
        read_predictions([path], gold, kind="submission")


def _refused(folder: Path, gold: list[GoldRow], rows: list[PredictionRow], message: str) -> None:
    with pytest.raises(DataError, match=message):
        write_submission(folder / "new", gold, rows)
    assert not (folder / "new").exists()


def test_nothing_is_written_unless_every_answer_is_there(tmp_path: Path, gold, predictions) -> None:
    _refused(tmp_path, gold, predictions[:-1], "1 of 12 answers are missing.*id '44', task 3")
    for at, answer in ((0, "near"), (1, " "), (2, None), (2, ("a", "b", ""))):
        rows = [*predictions]
        rows[at] = replace(rows[at], prediction=answer)
        _refused(tmp_path, gold, rows, rf"1 of 12 answers .* id '41', task {at + 1}")
    _refused(tmp_path, [], [], "gold has no rows")
    boxless = [replace(row, object_box=None) for row in gold]
    _refused(tmp_path, boxless, predictions, "needs the boxes")


def test_a_full_disk_leaves_both_files_or_none(
    tmp_path: Path, gold, predictions, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def fsync(file: int) -> None:
        calls.append(file)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(VsdkitError, match="No space left on device"):
        write_submission(tmp_path / "sub", gold, predictions)
    assert os.listdir(tmp_path / "sub") == []


def test_a_third_file_is_refused(written: Path, gold) -> None:
    with pytest.raises(ConfigError, match="3 files of predictions"):
        read_predictions([written, written / "task3.json"], gold)
