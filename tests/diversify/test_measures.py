"""mBLEU-4 and SPICE before and after, and the reasons for which there are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from vsdkit.data.records import PredictionRow
from vsdkit.diversify.measures import Change, measure
from vsdkit.errors import MetricError
from vsdkit.progress import SILENT

ALIKE = PredictionRow("a", 3, ("a lamp is behind a crate",) * 3)
APART = PredictionRow("a", 3, ("a lamp is behind a crate", "see it", "is there one"))
REFERENCES: Mapping[str, Sequence[str]] = {"a": ("a cup on a desk", "A lamp is behind a crate.")}


@pytest.mark.java
def test_three_equal_sentences_are_wholly_alike_and_three_others_not() -> None:
    label = PredictionRow("a", 1, "behind")
    mbleu4, spice = measure([label, ALIKE], [label, APART], None, SILENT)
    assert mbleu4 == Change(100.0, 0.0, "")
    assert spice == Change(None, None, "")


@pytest.mark.java
def test_spice_is_the_mean_of_the_three_sentences_against_the_best_reference() -> None:
    _, spice = measure([ALIKE], [APART], REFERENCES, SILENT)
    # All three say the second reference; then one of three does, and the others none.
    assert spice == Change(100.0, 33.3333, "")


def test_without_three_sentences_there_is_nothing_to_compare() -> None:
    rows = [PredictionRow("a", 3, None), PredictionRow("a", 2, "a lamp")]
    none = Change(None, None, "no row has three sentences")
    assert measure(rows, rows, None, SILENT) == (none, Change(None, None, ""))
    assert measure(rows, rows, REFERENCES, SILENT) == (none, none)


@pytest.mark.usefixtures("no_java")
def test_without_java_the_notes_say_why() -> None:
    why = Change(None, None, "no Java here")
    assert measure([ALIKE], [APART], None, SILENT) == (why, Change(None, None, ""))
    assert measure([ALIKE], [APART], REFERENCES, SILENT) == (why, why)


@pytest.mark.java
@pytest.mark.parametrize("name", ["fetch_spice_files", "SpiceWork"])
def test_where_spice_alone_fails_mbleu4_is_there(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fail(*_: Any, **__: Any) -> Iterator[None]:
        raise MetricError("no models")

    monkeypatch.setattr(f"vsdkit.jvm.{name}", fail)
    mbleu4, spice = measure([ALIKE], [APART], REFERENCES, SILENT)
    assert mbleu4 == Change(100.0, 0.0, "")
    assert spice == Change(None, None, "no models")
