"""Which sentences are rewritten, and files that cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vsdkit.data.items import read_items
from vsdkit.diversify.inputs import make_asks, read_predictions
from vsdkit.errors import AlignmentError, DataError, MissingInputError


def test_sentence_two_of_each_whole_triple_is_asked_for(files: Any) -> None:
    asks = make_asks(read_predictions(files.preds), read_items(files.gold, tasks=(3,)))
    assert [(ask.id, ask.subject, ask.object) for ask in asks] == [
        ("a", "lamp", "crate"),
        ("b", "cup", "desk"),
        ("d", "lamp", "crate"),
    ]
    assert asks[0].sentence == "there is a lamp behind a crate."
    assert asks[0].others == ("lamp behind crate.", "Is there a lamp behind a crate?")
    assert [ask.relations for ask in asks] == [{"behind"}, {"on"}, frozenset()]


def test_items_that_do_not_know_a_row(files: Any, tmp_path: Path) -> None:
    gold = tmp_path / "gold.csv"
    gold.write_text("id,image,subject,object\na,a.png,lamp,crate\n", encoding="utf-8")
    items = read_items(gold, tasks=(3,))
    with pytest.raises(AlignmentError, match="id 'b', task 3 is not among the items") as caught:
        make_asks(read_predictions(files.preds), items)
    assert "--gold" in caught.value.hint


def test_predictions_without_task_three(tmp_path: Path) -> None:
    preds = tmp_path / "preds.jsonl"
    preds.write_text('{"id": "a", "task": 1, "prediction": "on", "raw": "on"}\n', encoding="utf-8")
    with pytest.raises(DataError, match="no row of task 3: nothing to rewrite"):
        read_predictions(preds)


def test_a_row_twice(files: Any) -> None:
    content = files.preds.read_text(encoding="utf-8")
    files.preds.write_text(content + content.splitlines()[0] + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="id 'a', task 1 is there twice"):
        read_predictions(files.preds)


def test_predictions_that_are_not_there_name_the_command_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such file of predictions") as caught:
        read_predictions(tmp_path / "none.jsonl")
    assert "vsdkit infer" in caught.value.hint
