"""Columns of entries: one value each, in the order of gold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vsdkit.data.records import GoldRow
from vsdkit.report.predictions.answered import Answered
from vsdkit.report.predictions.entries import entries_of, entry_columns, sorts_of
from vsdkit.report.predictions.pictures import Pictures

pytestmark = pytest.mark.java


def test_an_entry_holds_the_rows_of_one_id() -> None:
    rows = [GoldRow(name, "a.jpg", task, "s", "o") for task in (2, 1) for name in ("x", "y")]
    entries = entries_of(rows)
    assert [list(entry.rows) for entry in entries] == [[2, 1], [2, 1]]
    assert [entry.first.id for entry in entries] == ["x", "y"]
    assert entries_of([]) == []


def test_columns_hold_boxes_sizes_and_places_of_pictures(odd: Answered) -> None:
    pictures = Pictures({"5.jpg": "thumbs/x.jpg"}, {"5.jpg": (640, 480)}, "")
    columns = entry_columns(entries_of(odd.rows), odd, [], pictures)
    assert columns["boxes"][0] == [1, 2, 3, 4, 1.2, 2, 3, 4]
    assert columns["boxes"][1] == [-10, 20, -5, 5000, None, None, None, None]
    assert columns["boxes"][3] is None
    assert columns["sizes"] == [None] * 4 + [(640, 480)] + [None] * 2
    assert columns["thumbnails"][4] == "thumbs/x.jpg"
    assert columns["relations"][:2] == [[1], [0, 7]]


def test_verdicts_labels_and_values_are_the_scorer_s(odd: Answered) -> None:
    sorts = sorts_of(odd)
    keys = [sort.key for sort in sorts]
    assert keys == [
        *("1.probability", "2.bleu4", "2.spice", "2.z2"),
        *("3.mbleu4", "3.spice", "3.z3"),
    ]
    entries = entries_of(odd.rows)
    whole, torn = entry_columns(entries, odd, sorts, Pictures({}, {}, ""))["systems"]
    assert whole["label"] == [7] * 7
    assert whole["verdicts"]["1"] == "WRWRWRW"
    assert torn["label"] == [-1, -1, -1, None, -1, -1, -1]
    assert torn["verdicts"] == {"1": "UUUMUUU", "2": "UUUMUUE", "3": "UUUMUUE"}
    assert whole["values"]["1.probability"] == [None] * 6 + [0.8]
    assert whole["values"]["2.bleu4"][0] == pytest.approx(100, abs=0.01)
    assert torn["values"]["3.mbleu4"] == [100] * 7
    # What a row adds to its task's total, of its own values.
    bleu4, spice = (whole["values"][key][5] for key in ("2.bleu4", "2.spice"))
    assert whole["values"]["2.z2"][5] == pytest.approx(0.4 * bleu4 + 0.6 * spice, abs=0.02)


def test_lower_is_better_where_the_number_says_so(odd: Answered) -> None:
    told = {sort.key: sort.to_dict() for sort in sorts_of(odd)}
    assert told["3.mbleu4"] == {
        "key": "3.mbleu4", "task": 3, "value": "mbleu4", "title": "mBLEU-4",
        "label": "3 mBLEU-4", "better": "lower",
    }  # fmt: skip
    assert told["2.spice"]["better"] == "higher"


def test_in_coco_s_reading_values_are_those_of_its_parts(odd: Answered) -> None:
    assert odd.score is not None
    coco = replace(odd, score=replace(odd.score, reading="coco"))
    sorts = sorts_of(coco)
    # Rows have no mBLEU-4 of the corpus: they show their own, and no total is made of it.
    assert [sort.key for sort in sorts] == [
        *("1.probability", "2.bleu4_all_references", "2.spice_merged", "2.z2"),
        *("3.mbleu4", "3.spice_merged"),
    ]
    values = entry_columns(entries_of(coco.rows), coco, sorts, Pictures({}, {}, ""))["systems"][0][
        "values"
    ]
    bleu4, spice = (values[key][1] for key in ("2.bleu4_all_references", "2.spice_merged"))
    assert spice < 100
    assert values["2.z2"][1] == pytest.approx(0.4 * bleu4 + 0.6 * spice, abs=0.02)
