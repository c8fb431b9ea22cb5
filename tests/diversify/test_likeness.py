"""mBLEU-4 before and after, and the reasons for which there is none."""

from __future__ import annotations

import pytest

from vsdkit.data.records import PredictionRow
from vsdkit.diversify.likeness import measure_likeness
from vsdkit.progress import SILENT

ALIKE = PredictionRow("a", 3, ("a lamp is behind a crate",) * 3)
APART = PredictionRow("a", 3, ("a lamp is behind a crate", "see it", "is there one"))


@pytest.mark.java
def test_three_equal_sentences_are_wholly_alike_and_three_others_not() -> None:
    label = PredictionRow("a", 1, "behind")
    likeness = measure_likeness([label, ALIKE], [label, APART], SILENT)
    assert (likeness.before, likeness.after, likeness.note) == (100.0, 0.0, "")


def test_without_three_sentences_there_is_nothing_to_compare() -> None:
    rows = [PredictionRow("a", 3, None), PredictionRow("a", 2, "a lamp")]
    assert measure_likeness(rows, rows, SILENT) == (None, None, "no row has three sentences")


@pytest.mark.usefixtures("no_java")
def test_without_java_the_note_says_why() -> None:
    assert measure_likeness([ALIKE], [APART], SILENT) == (None, None, "no Java here")
