from __future__ import annotations

import pytest

from vsdkit.errors import MetricError
from vsdkit.score import ScoreReport
from vsdkit.score.signatures import all_signatures

SIGNATURES = all_signatures(java="25.0.2", tuples_version="0123456789abcdef")


def report(**changes: object) -> ScoreReport:
    numbers: dict[str, float | int | None] = dict.fromkeys(SIGNATURES, 50.0)
    for task in (1, 2, 3):
        numbers |= {f"task{task}.unparsed": 1, f"task{task}.missing": 2, f"task{task}.n": 1234}
    values: dict[str, object] = {"numbers": numbers, "signatures": SIGNATURES, "reasons": {}}
    return ScoreReport(**(values | changes))  # type: ignore[arg-type]


def test_json_has_the_agreed_form() -> None:
    document = report().to_dict()
    assert list(document)[:7] == ["overall", "z1", "z2", "z3", "task1", "task2", "task3"]
    assert set(document["task1"]) == {
        *("f1_micro", "f1_macro", "f1_weighted", "f1_samples", "accuracy"),
        *("unparsed", "missing", "n"),
    }
    assert {"bleu4", "spice", "bleu4_coco", "spice_coco", "n"} <= set(document["task2"])
    assert {"mbleu4", "mbleu4_corpus", "spice", "n"} <= set(document["task3"])
    assert document["signature"] == SIGNATURES
    assert {"reading", "reasons", "seen_in_training"} <= set(document)


def test_every_number_of_the_table_has_its_signature() -> None:
    rows = report().table()
    assert len(rows) == len(SIGNATURES)
    assert [row[2] for row in rows if row[0] == "2 SPICE"] == [SIGNATURES["task2.spice"]]
    assert all(signature for _, _, signature in rows)


def test_notes_tell_counts_reasons_and_what_was_trained_on() -> None:
    notes = report(
        reasons={"task2.spice": "no network", "z2": "no network"},
        seen_in_training={"pictures": 2927, "seen": 1200},
    ).notes()
    assert notes == [
        *(f"task {t}: 1,234 rows, 1 unparsed, 2 missing (counted as wrong)" for t in (1, 2, 3)),
        "n/a: no network",
        "1,200 of 2,927 pictures were trained on",
    ]


def test_incomplete_report_raises_its_failure() -> None:
    report().require_complete()
    with pytest.raises(MetricError, match="no network"):
        report(failures=(MetricError("no network"),)).require_complete()
