from __future__ import annotations

import pytest

from vsdkit.data.records import GoldRow
from vsdkit.errors import DataError
from vsdkit.score.baselines import (
    BASELINES,
    existential_sentence,
    most_frequent_label,
    plain_sentence,
)


def _row(name: str, task: int, *relations: str) -> GoldRow:
    return GoldRow(name, f"{name}.jpg", task, "cat", "mat", relations=relations)


def test_plain_sentence_uses_the_rows_own_relation() -> None:
    gold = [_row("1", 1, "on"), _row("1", 2, "on"), _row("1", 3, "on")]
    assert [row.prediction for row in plain_sentence(gold)] == [
        "on",
        "cat on mat.",
        ("cat on mat.",) * 3,
    ]


def test_most_frequent_label_counts_items_not_rows() -> None:
    gold = [
        *(_row("1", task, "on") for task in (1, 2, 3)),
        _row("2", 1, "in"),
        _row("3", 1, "in"),
    ]
    assert {row.prediction for row in most_frequent_label(gold) if row.task == 1} == {"in"}


def test_row_without_relation_is_named() -> None:
    with pytest.raises(DataError, match="needs gold relations") as caught:
        list(plain_sentence([_row("7", 1)]))
    assert caught.value.where == "id '7', task 1"


def test_existential_sentence_has_an_article_and_a_verb() -> None:
    gold = [_row("1", task, "next to") for task in (1, 2, 3)]
    sentence = "there is a cat next to the mat."
    expected = ["next to", sentence, (sentence,) * 3]
    assert [row.prediction for row in existential_sentence(gold)] == expected


def test_every_baseline_answers_every_row() -> None:
    gold = [_row(name, task, "on") for name in ("1", "2") for task in (1, 2, 3)]
    for predict in BASELINES.values():
        assert [row.key for row in predict(gold)] == [row.key for row in gold]
