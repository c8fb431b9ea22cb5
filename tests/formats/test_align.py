from __future__ import annotations

import pytest

from vsdkit.data.records import GoldRow, PredictionRow, RowKey
from vsdkit.errors import AlignmentError, DataError
from vsdkit.formats.align import AlignedRow, RowCounts, align, check_gold


def gold_rows(*ids: str) -> dict[RowKey, GoldRow]:
    rows = [
        GoldRow(
            id=name,
            image=f"{name}.jpg",
            task=task,
            subject="cup",
            object="tray",
            relations=("on",),
            references=() if task == 1 else ("a cup on a tray",),
        )
        for name in ids
        for task in (1, 2, 3)
    ]
    return {row.key: row for row in rows}


def predictions(*ids: str, tasks: tuple[int, ...] = (1, 2, 3)) -> dict[RowKey, PredictionRow]:
    answers: dict[int, str | tuple[str, ...]] = {1: "on", 2: "a cup", 3: ("a cup", "b", "c")}
    rows = [PredictionRow(name, task, answers[task]) for name in ids for task in tasks]
    return {row.key: row for row in rows}


def test_an_id_of_two_pairs_is_refused() -> None:
    rows = list(gold_rows("1").values())
    other = GoldRow("1", "1.jpg", 2, "cup", "mat", None, None, ("on",), ("a cup",))
    with pytest.raises(DataError, match="id '1' is of two pairs") as caught:
        check_gold([rows[0], other], where="gold.jsonl")
    assert caught.value.where.startswith("gold.jsonl, fields")


def test_each_gold_row_finds_its_prediction_whatever_the_order() -> None:
    aligned = align(gold_rows("1", "2"), predictions("2", "1"))
    assert {task: len(rows) for task, rows in aligned.rows.items()} == {1: 2, 2: 2, 3: 2}
    assert all(row.prediction and row.prediction.key == row.gold.key for row in aligned.rows[3])
    assert not aligned.absent


def test_missing_row_is_named_and_counted() -> None:
    answers = predictions("1", "2")
    del answers[RowKey("2", 3)]
    with pytest.raises(AlignmentError, match=r"1 row is not predicted; .*id '2', task 3") as caught:
        align(gold_rows("1", "2"), answers)
    assert "--allow-missing" in caught.value.hint
    with pytest.raises(AlignmentError, match=r"3 rows are not predicted; .*id '2', task 1"):
        align(gold_rows("1", "2"), predictions("1"))


def test_allowed_missing_row_has_no_answer() -> None:
    aligned = align(gold_rows("1", "2"), predictions("1"), allow_missing=True)
    assert [row.answer for row in aligned.rows[2]] == ["a cup", None]
    assert aligned.count(2) == RowCounts(unparsed=0, missing=1, errors=0, n=2)


def test_extra_row_is_named() -> None:
    with pytest.raises(AlignmentError, match=r"3 rows are in no gold row; .*id '9', task 1"):
        align(gold_rows("1"), predictions("1", "9"))


def test_absent_task_is_told_and_not_an_error() -> None:
    aligned = align(gold_rows("1"), predictions("1", tasks=(2, 3)))
    assert aligned.absent == {1: "no predictions of task 1"}
    assert sorted(aligned.rows) == [2, 3]


def test_absent_task_counts_as_wrong_where_missing_rows_do() -> None:
    aligned = align(gold_rows("1"), predictions("1", tasks=(2, 3)), allow_missing=True)
    assert not aligned.absent
    assert aligned.rows[1][0].answer is None


def test_task_without_gold_is_absent() -> None:
    gold = {key: row for key, row in gold_rows("1").items() if key.task == 2}
    aligned = align(gold, predictions("1", tasks=(2,)), allow_missing=True)
    assert aligned.absent == {1: "no gold rows of task 1", 3: "no gold rows of task 3"}
    assert (list(aligned.in_gold), aligned.count(1).n) == ([2], 0)


def test_no_prediction_at_all() -> None:
    with pytest.raises(AlignmentError, match="there is no prediction"):
        align(gold_rows("1"), {})


@pytest.mark.parametrize(
    ("prediction", "answer"),
    [
        *(("a cup", "a cup"), (None, None), (" ", None), (".", None), (("", " ", ""), None)),
        *((("a", "", "b"), None), (("a", "\u200b", "!"), None), (("a", "b", "c"),) * 2),
    ],
)
def test_answer_that_says_nothing_is_none(prediction: object, answer: object) -> None:
    row = PredictionRow("1", 2, prediction)  # type: ignore[arg-type]
    assert AlignedRow(gold_rows("1")[RowKey("1", 2)], row).answer == answer


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"task": 1, "relations": []}, "id '1', task 1 has no relations"),
        ({"task": 2, "references": []}, "id '1', task 2 has no references"),
        ({"task": 3, "references": ["a", " "]}, "id '1', task 3 has an empty reference"),
    ],
)
def test_gold_without_an_answer_is_named(change: dict[str, object], match: str) -> None:
    row = GoldRow.from_dict(gold_rows("1")[RowKey("1", 2)].to_dict() | change)
    with pytest.raises(DataError, match=match) as caught:
        check_gold([row], where="gold.jsonl")
    assert "gold.jsonl" in caught.value.where


def test_gold_is_kept_by_key() -> None:
    rows = gold_rows("1", "2")
    assert check_gold(rows.values()) == rows


def test_an_error_is_no_answer_and_is_not_called_unparsed() -> None:
    gold = GoldRow("1", "1.jpg", 1, "dog", "mat", relations=("on",))
    failed = AlignedRow(gold, PredictionRow("1", 1, None, error="500"))
    unread = AlignedRow(gold, PredictionRow("1", 1, None, raw="?"))
    assert (failed.answer, failed.has_failed, failed.is_unparsed) == (None, True, False)
    assert (unread.answer, unread.has_failed, unread.is_unparsed) == (None, False, True)
