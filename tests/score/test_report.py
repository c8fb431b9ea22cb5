from __future__ import annotations

import pytest

from vsdkit import __version__
from vsdkit.formats.align import RowCounts
from vsdkit.metrics.intervals import Interval, Paired
from vsdkit.reporting import Table
from vsdkit.score.numbers import NUMBERS, all_declared
from vsdkit.score.report import Difference, ScoreReport, SystemReport
from vsdkit.score.signatures import all_signatures

SIGNATURES = all_signatures(java="25.0.2", tuples_version="0123456789abcdef")
OF_RESAMPLES = {
    name: one
    for name, one in all_signatures(
        java="25.0.2", tuples_version="0", resampled={"images": 3, "seed": 1}
    ).items()
    if name in ("interval", "p")
}
HEADLINE = (
    *("overall", "z1", "z2", "z3"),
    *("1 F1 micro", "2 BLEU-4", "2 SPICE", "3 mBLEU-4", "3 SPICE"),
)


def system(name: str = "preds", **changes: object) -> SystemReport:
    values: dict[str, object] = {
        "name": name,
        "numbers": dict.fromkeys(SIGNATURES, 50.0),
        "counts": {task: RowCounts(unparsed=1, missing=2, errors=0, n=1234) for task in (1, 2, 3)},
    }
    return SystemReport(**(values | changes))  # type: ignore[arg-type]


def report(*systems: SystemReport, **changes: object) -> ScoreReport:
    values: dict[str, object] = {"systems": systems or (system(),), "signatures": SIGNATURES}
    return ScoreReport(**(values | changes))  # type: ignore[arg-type]


def test_json_of_one_system_has_the_agreed_form() -> None:
    document = report().to_dict()
    assert list(document)[:7] == ["overall", "z1", "z2", "z3", "task1", "task2", "task3"]
    assert set(document["task1"]) == {
        *("f1_micro", "f1_macro", "f1_weighted", "f1_samples", "accuracy"),
        *("unparsed", "missing", "errors", "n"),
    }
    assert {"bleu4", "spice", "bleu4_coco", "spice_coco", "n"} <= set(document["task2"])
    assert {"mbleu4", "mbleu4_corpus", "spice", "spice_coco", "n"} <= set(document["task3"])
    assert document["signature"] == {name: str(one) for name, one in SIGNATURES.items()}
    assert {"reading", "reasons", "seen_in_training", "intervals"} <= set(document)
    assert "diagnosis" not in document


def test_json_of_several_systems_has_a_place_for_each() -> None:
    apart = Difference("b", "a", {"z1": Paired(1.5, Interval(0.5, 2.5), 0.01)})
    document = report(system("a"), system("b"), differences=(apart,)).to_dict()
    assert list(document["systems"]) == ["a", "b"]
    assert document["systems"]["b"]["task1"]["accuracy"] == 50
    assert document["differences"] == [
        {
            "system": "b",
            "minus": "a",
            "numbers": {"z1": {"difference": 1.5, "interval": [0.5, 2.5], "p": 0.01}},
        }
    ]
    assert document["signature"]["z1"] == str(SIGNATURES["z1"])
    assert "z1" not in document


def as_wide_as(table: Table) -> int:
    """Return the columns that a table takes: two blanks between its own."""
    rows = [[f"{c:.4f}" if isinstance(c, float) else str(c) for c in row] for row in table.rows]
    widths = [max(map(len, column)) for column in zip(table.columns, *rows, strict=True)]
    return sum(widths) + 2 * (len(widths) - 1)


def test_the_first_screen_is_the_headline_in_25_lines_of_80_columns() -> None:
    intervals = dict.fromkeys(SIGNATURES, Interval(48.123, 52.0))
    unparsed = dict.fromkeys((1, 2, 3), f"id '7', {'Sure, I can help! ' * 6!r}")
    one = system(
        intervals=intervals,
        first_unparsed=unparsed,
        counts={task: RowCounts(unparsed=task, missing=0, errors=0, n=1234) for task in (1, 2, 3)},
        seen_in_training={"pictures": 2927, "seen": 1200},
    )
    (table,) = report(one, signatures=SIGNATURES | OF_RESAMPLES).tables()
    assert [row[0] for row in table.rows] == [*HEADLINE]
    assert table.rows[0] == ("overall", 50.0, "48.12 to 52.00")
    notes = report(one).notes()
    # Above the rows are the names of the columns and a line.
    assert 2 + len(table.rows) + len(notes) <= 25
    assert max(as_wide_as(table), *map(len, notes)) <= 80
    assert notes[-1] == "every number: --all; the choices behind each: --signatures"


def test_two_systems_have_the_same_rows_in_80_columns() -> None:
    apart = Difference("b", "a", dict.fromkeys(SIGNATURES, Paired(-1.5, Interval(-2, 1), 0.01)))
    both = report(
        *(system("preds.base"), system("preds.diverse")),
        differences=(apart._replace(system="preds.diverse", minus="preds.base"),),
        signatures=SIGNATURES | OF_RESAMPLES,
    )
    (table,) = both.tables()
    assert [row[0] for row in table.rows] == [*HEADLINE]
    assert as_wide_as(table) <= 80
    # Above the rows are the title, the names of the columns and a line.
    assert 3 + len(table.rows) + len(both.notes()) <= 25


def test_all_numbers_are_printed_when_asked_for() -> None:
    (table,) = report(all_numbers=True).tables()
    assert [row[0] for row in table.rows] == [
        one.label for one in all_declared() if one.key in SIGNATURES
    ]
    assert "--all" not in report(all_numbers=True).notes()[-1]
    captions = all_signatures(java="25", tuples_version="0", captions=True, sub_scores=True)
    one = system(numbers=dict.fromkeys(captions, 50.0))
    table, in_row = report(one, signatures=captions, all_numbers=True).tables()
    labels = [row[0] for row in table.rows]
    assert len(set(labels)) == len(labels) == 4 + sum(not one.repeats for one in NUMBERS)
    assert [row[0] for row in in_row.rows] == [
        *("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr", "SPICE"),
    ]


def test_every_number_of_the_table_has_its_signature_when_asked_for() -> None:
    table, own, shared = report(all_numbers=True, with_signatures=True).tables()
    assert [row[0] for row in own.rows] == [row[0] for row in table.rows]
    assert len(table.rows) == len(SIGNATURES)
    spice = SIGNATURES["task2.spice"]
    assert dict(own.rows)["2 SPICE"] == spice.own
    assert ("2 SPICE, 2 SPICE coco, 3 SPICE, 3 SPICE coco", spice.shared) in [
        tuple(row) for row in shared.rows
    ]
    labels = [label for row in shared.rows for label in str(row[0]).split(", ")]
    assert sorted(labels) == sorted(str(row[0]) for row in table.rows)
    assert report(all_numbers=True, with_signatures=True).notes()[-1].startswith("lower is better")


@pytest.mark.parametrize("all_numbers", [False, True])
def test_tasks_that_gold_has_no_rows_of_are_left_out(all_numbers: bool) -> None:
    counts = {2: RowCounts(0, 0, 0, 9)} | dict.fromkeys((1, 3), RowCounts(0, 0, 0, 0))
    reasons = dict.fromkeys(("task1.f1_micro", "z1", "overall"), "no gold rows of task 1")
    one = system(counts=counts, reasons=reasons | {"z3": "no gold rows of task 3"})
    made = report(one, in_gold=(2,), all_numbers=all_numbers, baselines=(system("plain"),))
    numbers, beside = made.tables()
    labels = [str(row[0]) for row in numbers.rows]
    assert labels[:3] == ["overall", "z2", "2 BLEU-4"]
    assert all(label.startswith(("overall", "z2", "2 ")) for label in labels)
    assert [row[0] for row in beside.rows] == ["2 BLEU-4", "2 SPICE", "z2", "overall"]
    assert made.notes()[:2] == [
        "task 2: 9 rows, counted as wrong: 0 unparsed, 0 missing",
        "n/a: no gold rows of task 1",
    ]


def test_interval_stands_beside_its_number() -> None:
    one = system(intervals={"z1": Interval(48.123, 52.0), "z2": None})
    table = report(one).tables()[0]
    assert table.columns == ("number", "value", "95 %")
    cells = {row[0]: row[2] for row in table.rows}
    assert (cells["z1"], cells["z2"]) == ("48.12 to 52.00", "")
    assert report(one).to_dict()["intervals"] == {"z1": [48.123, 52.0], "z2": None}
    assert report(system()).tables()[0].columns == ("number", "value")


def test_systems_stand_side_by_side_with_difference_interval_and_p() -> None:
    apart = Difference("b", "a", {"z1": Paired(-1.5, Interval(-2.5, -0.5), 0.01)})
    first, own, shared = report(
        *(system("a"), system("b")),
        differences=(apart,),
        signatures=SIGNATURES | OF_RESAMPLES,
        with_signatures=True,
    ).tables()
    assert first.columns == ("number", "a", "b", "difference", "95 %", "p")
    assert first.title == "difference: b - a"
    rows = {row[0]: row[1:] for row in first.rows}
    assert rows["z1"] == (50.0, 50.0, "-1.5000", "-2.50 to -0.50", "0.0100")
    assert rows["z2"] == (50.0, 50.0, "", "", "")
    bare = report(system("a"), system("b"), differences=(apart,)).tables()[0]
    assert bare.columns == ("number", "a", "b", "difference")
    three = report(*map(system, "abc"), differences=(apart, apart._replace(system="c"))).tables()[0]
    assert three.columns == ("number", "a", "b", "c", "b - a", "c - a")
    assert dict(own.rows)["overall"] == SIGNATURES["overall"].own
    assert [row[0] for row in shared.rows][-2:] == ["95 %", "p"]


def test_baselines_stand_beside_the_systems() -> None:
    table = report(baselines=(system("T1 R T2."),)).tables()[-1]
    assert table.columns == ("number", "preds", "T1 R T2.")
    assert table.rows[-1] == ("overall", 50.0, 50.0)
    assert "T1 R T2." in report(baselines=(system("T1 R T2."),)).to_dict()["baselines"]


def test_notes_tell_counts_reasons_and_what_was_trained_on() -> None:
    one = system(
        reasons={"task2.spice": "no network", "z2": "no network"},
        seen_in_training={"pictures": 2927, "seen": 1200},
        first_unparsed={3: "id '7', 'Sure!'"},
        counts={1: RowCounts(0, 2, 0, 1234)} | dict.fromkeys((2, 3), RowCounts(1, 2, 0, 1234)),
    )
    lines = [
        "task 1: 1,234 rows, counted as wrong: 0 unparsed, 2 missing",
        "task 2, 3: 1,234 rows, counted as wrong: 1 unparsed, 2 missing",
        "    the first unparsed of task 3: id '7', 'Sure!'",
        "n/a: no network",
        "1,200 of 2,927 pictures were trained on",
    ]
    lower = "lower is better: 3 mBLEU-4"
    assert report(one).notes()[:-1] == [*lines, lower]
    both = report(one, system("b")).notes()
    assert both[: len(lines)] == [f"preds: {line}" for line in lines]
    assert both[len(lines) : -1] == [
        "b: task 1, 2, 3: 1,234 rows, counted as wrong: 1 unparsed, 2 missing",
        lower,
    ]
    nothing = system(numbers=dict.fromkeys(SIGNATURES))
    assert not any(line.startswith("lower") for line in report(nothing).notes())


def test_of_a_reason_nothing_is_cut_off() -> None:
    one = system(reasons={"z2": f"SPICE's files cannot be fetched {'and so on ' * 20}"})
    assert f"n/a: {one.reasons['z2']}" in report(one).notes()


def test_worst_rows_are_in_json_and_in_a_table() -> None:
    item = {"id": "7", "task": 1, "correct": False, "subject": "cup", "object": "tray"}
    one = system(items=[item | {"relations": ["on"], "prediction": "in"}], worst=3)
    assert [row["id"] for row in report(one).to_dict()["worst"]] == ["7"]
    assert report(one).tables()[-1].rows[0][1] == "7"
    other = system("b", items=[{**one.items[0], "id": "8"}], worst=3)
    document = report(one, other).to_dict()["systems"]
    assert [[row["id"] for row in document[name]["worst"]] for name in ("preds", "b")] == [
        ["7"],
        ["8"],
    ]


def test_each_reading_signs_its_totals() -> None:
    coco = all_signatures(java="25", tuples_version="0", reading="coco", captions=True)
    assert "SPICE coco" in str(coco["z2"])
    assert "reading:coco" in str(coco["overall"])
    assert str(coco["coco_metrics.meteor"]).startswith("refs:best")
    assert "images:3|seed:1" in str(OF_RESAMPLES["interval"])
    version = __version__
    assert all(
        f"vsdkit:{version}" in str(signature) for signature in (coco | OF_RESAMPLES).values()
    )
