from __future__ import annotations

from vsdkit import __version__
from vsdkit.metrics.intervals import Interval, Paired
from vsdkit.score.report import Difference, ScoreReport, SystemReport
from vsdkit.score.signatures import all_signatures

SIGNATURES = all_signatures(java="25.0.2", tuples_version="0123456789abcdef")
LOWER_IS_BETTER = "mBLEU-4 tells how alike three sentences are: lower is better"
DRAWN = {
    name: one
    for name, one in all_signatures(
        java="25.0.2", tuples_version="0", resampled={"images": 3, "seed": 1}
    ).items()
    if name in ("interval", "p")
}


def system(name: str = "preds", **changes: object) -> SystemReport:
    numbers: dict[str, float | int | None] = dict.fromkeys(SIGNATURES, 50.0)
    for task in (1, 2, 3):
        numbers |= {f"task{task}.unparsed": 1, f"task{task}.missing": 2, f"task{task}.n": 1234}
    values: dict[str, object] = {"name": name, "numbers": numbers}
    return SystemReport(**(values | changes))  # type: ignore[arg-type]


def report(*systems: SystemReport, **changes: object) -> ScoreReport:
    values: dict[str, object] = {"systems": systems or (system(),), "signatures": SIGNATURES}
    return ScoreReport(**(values | changes))  # type: ignore[arg-type]


def test_json_of_one_system_has_the_agreed_form() -> None:
    document = report().to_dict()
    assert list(document)[:7] == ["overall", "z1", "z2", "z3", "task1", "task2", "task3"]
    assert set(document["task1"]) == {
        *("f1_micro", "f1_macro", "f1_weighted", "f1_samples", "accuracy"),
        *("unparsed", "missing", "n"),
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


def test_every_number_of_the_table_has_its_signature() -> None:
    table, shared = report().tables()
    assert table.columns == ("number", "value", "signature, own part")
    assert len(table.rows) == len(SIGNATURES)
    spice = SIGNATURES["task2.spice"]
    assert [row[2] for row in table.rows if row[0] == "2 SPICE"] == [spice.own]
    assert ("2 SPICE, 2 SPICE coco, 3 SPICE, 3 SPICE coco", spice.shared) in [
        tuple(row) for row in shared.rows
    ]
    labels = [label for row in shared.rows for label in str(row[0]).split(", ")]
    assert sorted(labels) == sorted(str(row[0]) for row in table.rows)


def test_interval_stands_beside_its_number() -> None:
    one = system(intervals={"z1": Interval(48.123, 52.0), "z2": None})
    table = report(one).tables()[0]
    assert table.columns == ("number", "value", "95 %", "signature, own part")
    cells = {row[0]: row[2] for row in table.rows}
    assert (cells["z1"], cells["z2"]) == ("48.12 to 52.00", "")
    assert report(one).to_dict()["intervals"] == {"z1": [48.123, 52.0], "z2": None}


def test_systems_stand_side_by_side_with_difference_interval_and_p() -> None:
    apart = Difference("b", "a", {"z1": Paired(-1.5, Interval(-2.5, -0.5), 0.01)})
    first, own, shared = report(
        system("a"), system("b"), differences=(apart,), signatures=SIGNATURES | DRAWN
    ).tables()
    assert first.columns == ("number", "a", "b", "b - a", "95 %", "p")
    rows = {row[0]: row[1:] for row in first.rows}
    assert rows["z1"] == (50.0, 50.0, "-1.5000", "-2.50 to -0.50", "0.0100")
    assert rows["z2"] == (50.0, 50.0, "", "", "")
    bare = report(system("a"), system("b"), differences=(apart,)).tables()[0]
    assert bare.columns == ("number", "a", "b", "b - a")
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
    )
    lines = [
        *(f"task {t}: 1,234 rows, counted as wrong: 1 unparsed, 2 missing" for t in (1, 2, 3)),
        "    the first unparsed: id '7', 'Sure!'",
        "n/a: no network",
        "1,200 of 2,927 pictures were trained on",
    ]
    assert report(one).notes() == [*lines, LOWER_IS_BETTER]
    both = report(one, system("b")).notes()
    assert both[: len(lines)] == [f"preds: {line}" for line in lines]
    assert both[-2].startswith("b: task 3")
    assert both.count(LOWER_IS_BETTER) == 1


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
    assert "images:3|seed:1" in str(DRAWN["interval"])
    version = __version__
    assert all(f"vsdkit:{version}" in str(signature) for signature in (coco | DRAWN).values())
