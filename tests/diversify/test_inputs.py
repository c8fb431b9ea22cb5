"""Which sentences are rewritten, and files that cannot be used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vsdkit.data.items import read_items
from vsdkit.diversify.inputs import make_asks, read_predictions, read_references
from vsdkit.errors import AlignmentError, DataError, MissingInputError


def test_sentence_two_of_each_whole_triple_is_asked_for(files: Any) -> None:
    items = read_items(files.gold, tasks=(3,))
    asks = make_asks(read_predictions(files.preds), items, replace=2)
    assert [(ask.id, ask.subject, ask.object) for ask in asks] == [
        ("a", "lamp", "crate"),
        ("b", "cup", "desk"),
        ("d", "lamp", "crate"),
    ]
    assert asks[0].sentence == "there is a lamp behind a crate."
    assert asks[0].others == ("lamp behind crate.", "Is there a lamp behind a crate?")
    assert [ask.relations for ask in asks] == [{"behind"}, {"on"}, frozenset()]


def test_sentence_three_and_the_two_beside_it(files: Any) -> None:
    items = read_items(files.gold, tasks=(3,))
    asks = make_asks(read_predictions(files.preds), items, replace=3)
    assert asks[0].sentence == "Is there a lamp behind a crate?"
    assert asks[0].others == ("lamp behind crate.", "there is a lamp behind a crate.")
    # "y." states nothing, nor does any beside it.
    assert (asks[2].sentence, asks[2].relations) == ("y.", frozenset())


def test_references_are_those_of_rows_with_three_sentences(files: Any) -> None:
    predictions = read_predictions(files.preds)
    items = [
        replace(item, references=() if item.id == "c" else (f"reference {item.id}",))
        for item in read_items(files.gold, tasks=(3,))
    ]
    assert read_references(predictions, items, files.gold) == {
        name: (f"reference {name}",) for name in ("a", "b", "d")
    }


@pytest.mark.parametrize("references", [(), ("", " ")])
def test_rows_without_references_cannot_be_measured(
    files: Any, references: tuple[str, ...]
) -> None:
    items = [replace(item, references=references) for item in read_items(files.gold, tasks=(3,))]
    with pytest.raises(DataError, match="id 'a', task 3 has no references") as caught:
        read_references(read_predictions(files.preds), items, files.gold)
    assert "--check-spice" in caught.value.hint
    assert str(files.gold) in caught.value.where


def test_items_that_do_not_know_a_row(files: Any, tmp_path: Path) -> None:
    gold = tmp_path / "gold.csv"
    gold.write_text("id,image,subject,object\na,a.png,lamp,crate\n", encoding="utf-8")
    items = read_items(gold, tasks=(3,))
    with pytest.raises(AlignmentError, match="id 'b', task 3 is not among the items") as caught:
        make_asks(read_predictions(files.preds), items, replace=2)
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
