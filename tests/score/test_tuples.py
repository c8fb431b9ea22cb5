"""Which tuples make a row's SPICE, without Java."""

from __future__ import annotations

from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.formats.align import AlignedRow
from vsdkit.jvm import SpiceCase, SpiceMatches
from vsdkit.jvm.spice import MatchedTuple
from vsdkit.score.measure import Evidence
from vsdkit.score.tuples import counted_cases, tuple_facts

REFERENCES = ("a b", "a c", "a d")
GOLD = GoldRow("1", "1.jpg", 2, "a", "b", relations=("on",), references=REFERENCES)
ROW = AlignedRow(GOLD, PredictionRow("1", 2, "a d"))
ALONE = SpiceCase.alone("a d", REFERENCES)
MERGED = SpiceCase("a d", REFERENCES)
MATCHES = SpiceMatches(
    (MatchedTuple(("a",), True), MatchedTuple(("d",), False)), (MatchedTuple(("a",), True),)
)
EVIDENCE = Evidence(
    tokens={text: text.split() for text in REFERENCES},
    spice=dict(zip(ALONE, (40.0, 60.0, 60.0), strict=True)) | {MERGED: 50.0},
    spice_matches={ALONE[1]: MATCHES, MERGED: MATCHES},
)


def test_in_the_paper_s_reading_the_first_of_the_best_references_counts() -> None:
    assert counted_cases(ROW, EVIDENCE, "paper") == [ALONE[1]]
    assert tuple_facts(ROW, EVIDENCE, "paper") == {
        "tuples": [
            {
                "said": [(["a"], True), (["d"], False)],
                "known": [(["a"], True)],
                "reference": 1,
            }
        ]
    }


def test_in_coco_s_reading_all_references_count_as_one() -> None:
    assert counted_cases(ROW, EVIDENCE, "coco") == [MERGED]
    assert tuple_facts(ROW, EVIDENCE, "coco")["tuples"][0]["reference"] is None
