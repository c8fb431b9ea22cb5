"""What a person and a program read of a report."""

from __future__ import annotations

import json
from dataclasses import replace

from vsdkit.diversify import DiversifyReport

REPORT = DiversifyReport(
    output="out.jsonl",
    engine="toy",
    rows=3,
    rewritten=1,
    retried=2,
    kept=2,
    kept_because={"kept words": 2},
    mbleu4_before=None,
    mbleu4_after=None,
    mbleu4_note="no Java",
    refused=[{"kept words": 2, "lost object": 1}, {"kept words": 2}],
    relation_kept=1,
)


def test_the_reasons_stand_below_what_was_kept() -> None:
    counts = REPORT.tables()[0]
    assert ("  kept words", 2) in counts.rows
    assert ("rewritten, %", 33.33) in counts.rows
    assert ("relation kept, % of them", 100.0) in counts.rows


def test_every_refusal_is_counted_by_attempt() -> None:
    refusals = REPORT.tables()[2]
    assert refusals.columns == ("replies refused", "attempt 1", "attempt 2")
    assert refusals.rows == [("kept words", 2, 2), ("lost object", 1, 0)]
    assert len(replace(REPORT, refused=[{}]).tables()) == 2


def test_before_after_and_change_stand_as_in_table_4() -> None:
    measured = replace(REPORT, mbleu4_before=7.0931, mbleu4_after=0.6916)
    assert measured.tables()[1].columns == ("three sentences", "mBLEU-4")
    spice = replace(measured, spice_before=46.0628, spice_after=45.809)
    table = spice.tables()[1]
    assert table.columns == ("three sentences", "mBLEU-4", "SPICE")
    assert table.rows == [
        ("before", 7.0931, 46.0628),
        ("after", 0.6916, 45.809),
        ("change", -6.4015, -0.2538),
    ]
    assert spice.to_dict()["spice_change"] == -0.2538


def test_spice_that_was_asked_for_and_is_not_there_has_its_column_and_its_reason() -> None:
    failed = replace(REPORT, spice_note="no models")
    assert ("change", None, None) in failed.tables()[1].rows
    assert "SPICE is n/a: no models" in failed.notes()


def test_the_engines_note_is_told_and_is_no_part_of_the_json() -> None:
    noted = replace(REPORT, engine_note="it is a toy")
    assert noted.to_dict() == REPORT.to_dict()
    assert noted.notes() == [
        "out.jsonl: sentence 2 rewritten by toy",
        "it is a toy",
        "mBLEU-4 is n/a: no Java",
    ]


def test_a_report_comes_back_from_its_json_and_that_of_an_older_version_too() -> None:
    content = json.loads(json.dumps(REPORT.to_dict()))
    assert DiversifyReport.from_dict(content, engine_note="") == REPORT
    del content["refused"], content["spice_before"], content["replace"]
    older = DiversifyReport.from_dict(content, engine_note="x")
    assert (older.refused, older.spice_before, older.replace) == ([], None, 2)
    assert older.engine_note == "x"


def test_of_no_row_there_is_no_share() -> None:
    none = replace(REPORT, rows=0, rewritten=0)
    assert (none.rewritten_percent, none.relation_kept_percent) == (None, None)
