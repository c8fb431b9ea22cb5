"""What a person and a program read of a report."""

from __future__ import annotations

from dataclasses import replace

from vsdkit.diversify import DiversifyReport

REPORT = DiversifyReport(
    output="out.jsonl",
    engine="toy",
    rows=3,
    rewritten=1,
    retried=1,
    kept=2,
    kept_because={"kept words": 2},
    mbleu4_before=None,
    mbleu4_after=None,
    mbleu4_note="no Java",
)


def test_the_reasons_stand_below_what_was_kept() -> None:
    (table,) = REPORT.tables()
    assert ("  kept words", 2) in table.rows


def test_the_engines_note_is_told_and_is_no_part_of_the_json() -> None:
    noted = replace(REPORT, engine_note="it is a toy")
    assert noted.to_dict() == REPORT.to_dict()
    assert noted.notes() == [
        "out.jsonl: rewritten by toy",
        "it is a toy",
        "mBLEU-4 is n/a: no Java",
    ]
