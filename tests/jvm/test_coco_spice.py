from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from vsdkit import Spice
from vsdkit.errors import DataError, MetricError
from vsdkit.jvm import JavaLimits

GTS = {
    7: ["two small red cups on a tray"],
    2: ["a dog", "a black dog near a cat"],
    # As it stands in a file: nothing is tokenised here.
    3: ["A Man's dog.\nIt runs"],
}
RES = {7: ["three red cups on a tray"], 2: ["a black dog"], 3: [""]}


@pytest.fixture(scope="module")
def spice(spice_files: Path) -> Iterator[Spice]:
    with Spice() as spice:
        yield spice


@pytest.mark.java
def test_items_stand_in_the_order_of_ids_with_the_programs_own_names(spice: Spice) -> None:
    mean, (dog, nothing, cups) = spice.compute_score(GTS, RES)
    kinds = ["All", "Relation", "Cardinality", "Attribute", "Size", "Color", "Object"]
    assert list(cups) == kinds
    assert set(cups["All"]) == {"tp", "fp", "fn", "pr", "re", "f", "numImages"}
    # Tuples of the reference: cup, tray, (cup, two), (cup, small), (cup, red), (cup, tray, on).
    assert (cups["All"]["tp"], cups["All"]["fp"], cups["All"]["fn"]) == (4, 1, 2)
    assert cups["All"]["f"] == pytest.approx(2 * 0.8 * (4 / 6) / (0.8 + 4 / 6))
    assert cups["Cardinality"]["f"] == cups["Size"]["f"] == 0
    assert cups["Color"]["f"] == cups["Object"]["f"] == cups["Relation"]["f"] == 1
    # Of two references in one graph: dog, cat, (dog, black), (dog, cat, near).
    assert (dog["All"]["tp"], dog["All"]["fn"]) == (2, 2)
    assert dog["Object"]["re"] == 0.5
    assert all(math.isnan(dog["Size"][name]) for name in ("pr", "re", "f"))
    assert nothing["All"]["f"] == 0
    assert nothing["All"]["fn"] > 0
    assert mean == pytest.approx((dog["All"]["f"] + cups["All"]["f"]) / 3)
    assert {type(value) for one in cups.values() for value in one.values()} == {float}
    assert spice.method() == "SPICE"


@pytest.mark.java
def test_java_is_kept_from_call_to_call_and_ends_with_the_object(spice_files: Path) -> None:
    spice = Spice()
    spice.compute_score(GTS, RES)
    assert spice._java is not None
    process = psutil.Process(spice._java.process_id)
    spice.compute_score({1: ["a cup"]}, {1: ["a cup \ud83d"]})
    assert spice._java.process_id == process.pid
    del spice
    assert not psutil.pid_exists(process.pid)


@pytest.mark.java
def test_after_a_failure_the_next_score_starts_java_again(
    spice: Spice, spice_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(spice, "_limits", JavaLimits(timeout_s=1e-3))
        spice.close()
        with pytest.raises(MetricError, match="no answer within"):
            spice.compute_score({1: ["a cup"]}, {1: ["a tray"]})
    assert spice.compute_score({1: ["a cup"]}, {1: ["a cup"]})[0] == 1


@pytest.mark.parametrize(
    ("gts", "res", "message"),
    [
        ({1: ["a"]}, {}, "id 1 has no sentence to score"),
        ({}, {"b": ["a"]}, "id 'b' has no reference"),
        ({}, {}, "there is nothing to score"),
        ({1: ["a"], "1": ["a"]}, {1: ["a"], "1": ["a"]}, "ids cannot be sorted"),
        ({1: ["a"]}, {1: ["a", "b"]}, "expected one sentence to score, got 2"),
        ({1: ["a"]}, {1: "a"}, "expected a list of sentences, got 'a'"),
        ({1: []}, {1: ["a"]}, r"expected a list of sentences, got \[\]"),
        ({1: [None]}, {1: ["a"]}, "expected a list of sentences"),
    ],
)
def test_what_cannot_be_scored_is_named(gts: Any, res: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Spice().compute_score(gts, res)
