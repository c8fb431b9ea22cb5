"""Rows counted by task, wording, relation and tags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from vsdkit.conversation import load_template
from vsdkit.data.records import GoldRow, InstructionRow
from vsdkit.progress import SILENT
from vsdkit.report.instructions.tally import NOT_KNOWN, Tally, tally_rows
from vsdkit.report.instructions.wordings import Wordings

MakeRows = Callable[..., list[InstructionRow]]


def _tally(rows: Sequence[InstructionRow], gold: Sequence[GoldRow] = ()) -> Tally:
    return tally_rows(
        rows,
        Wordings([load_template("paper")]),
        {row.id: row for row in gold},
        total=len(rows),
        listener=SILENT,
    )


def test_rows_are_counted_by_task_image_and_wording(make_rows: MakeRows) -> None:
    tally = _tally([*make_rows("7"), *make_rows("8")[:2]])
    assert tally.tasks == {1: 2, 2: 2, 3: 1}
    assert tally.rows_of_image == {"7.png": 3, "8.png": 2}
    assert tally.items == {"7", "8"}
    assert sorted(tally.wordings.values()) == [1, 2, 2]


def test_without_gold_the_row_of_task_1_tells_the_relation_of_all(make_rows: MakeRows) -> None:
    rows = make_rows(relation="under")
    rows[1] = replace(rows[1], answer="a cup and a desk")
    tally = _tally([rows[1], rows[2], rows[0]])
    assert tally.by_object == {("desk", "under"): 3}
    assert tally.by_subject == {("cup", "under"): 3}


def test_without_a_row_of_task_1_sentences_tell_it(make_rows: MakeRows) -> None:
    rows = make_rows(relation="behind")[1:]
    rows.append(replace(rows[0], answer="hm"))
    assert _tally(rows).by_object == {("desk", "behind"): 2, ("desk", NOT_KNOWN): 1}


def test_gold_goes_before_what_rows_say(make_rows: MakeRows, gold_row: GoldRow) -> None:
    gold = replace(gold_row, subject="mug", relations=("in", "on"))
    tally = _tally([*make_rows("7"), *make_rows("8")], [gold])
    assert tally.by_subject == {("mug", "in"): 3, ("mug", "on"): 3, ("cup", "on"): 3}
    assert (tally.several_relations, tally.without_gold) == (3, 3)


def test_other_questions_are_counted_and_some_are_kept(make_rows: MakeRows) -> None:
    rows = [replace(make_rows(str(at))[0], question=f"Where? {at}") for at in range(9)]
    tally = _tally(rows)
    assert tally.other_wordings == {1: 9}
    assert tally.other_questions == [f"Where? {at}" for at in range(5)]
    # Nothing tells the tags, and the answer still tells the relation.
    assert tally.by_object == {(NOT_KNOWN, "on"): 9}


def test_two_objects_that_are_joined_by_and_are_told_by_task_1(make_rows: MakeRows) -> None:
    rows = make_rows(subject="salt and pepper", object_="plate")
    for order in (rows, rows[::-1]):
        assert _tally(order).by_subject == {("salt and pepper", "on"): 3}
