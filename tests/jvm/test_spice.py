from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from vsdkit.errors import MetricError
from vsdkit.jvm import (
    Java,
    JavaLimits,
    SpiceCase,
    SpiceWork,
    score_spice,
    spice_class_path,
    tuples_version,
)
from vsdkit.jvm.spice import _batches
from vsdkit.jvm.store import TupleStore

pytestmark = pytest.mark.java


@pytest.fixture(scope="module")
def java(spice_files: Path) -> Iterator[Java]:
    with Java(spice_class_path()) as java:
        yield java


class Parsed:
    """A listener that counts how many sentences were parsed."""

    def __init__(self) -> None:
        self.parsed = 0
        self.largest_step = 0

    def message(self, text: str) -> None:
        raise AssertionError(text)

    @contextmanager
    def track(self, description: str, *, total: int | None) -> Iterator[Parsed]:
        yield self

    def advance(self, steps: int = 1, **facts: Any) -> None:
        self.parsed += steps
        self.largest_step = max(self.largest_step, steps)


def test_scores_follow_from_the_tuples(java: Java, spice_cache: Path) -> None:
    black = "a black cat on a mat"
    cases = [
        SpiceCase(black, (black,)),
        # Tuples of the reference: cat, mat, (cat, black), (cat, mat, on); one is found.
        SpiceCase("there is a cat", (black,)),
        SpiceCase("a dog", (black,)),
        # cat, dog against cat, dog of two references in one graph.
        SpiceCase("a cat and a dog", ("a dog", "there is a cat")),
        SpiceCase("", (black,)),
    ]
    scores = score_spice(java, cases)
    assert scores == pytest.approx([100, 40, 0, 100, 0])


def test_synonyms_match_and_f_can_pass_100(java: Java, spice_cache: Path) -> None:
    # spice-1.0.jar itself gives 1.3333 for {camber}, {deposit} against {bank}: both are synonyms
    # of bank, and true positives are counted on the sentence's side.
    value = java.ask("evaluate", tuples=[[["camber"], ["deposit"]], [["bank"]]], cases=[(0, [1])])
    assert value == pytest.approx([4 / 3])
    assert score_spice(java, [SpiceCase("there is a sofa", ("there is a couch",))]) == [100]


def test_tuples_are_what_spice_reads_in_a_sentence(java: Java, spice_cache: Path) -> None:
    tuples = java.ask("parse", sentences=["the two red cups are under a table"])
    assert sorted(map(tuple, tuples[0])) == sorted(
        [("cup",), ("table",), ("cup", "red"), ("cup", "two"), ("cup", "table", "under")]
    )


def test_matched_tuples_are_those_that_the_published_program_counts(
    java: Java, spice_cache: Path
) -> None:
    said = (
        "a black car is behind the man",
        "an automobile parked behind a person and a tree",
        "two red cups on the small table",
        "",
    )
    known = ("there is a car behind a man", "the man is in front of a black car", "two cups")
    cases = [SpiceCase(one, references) for one in said for references in ((known[0],), known)]
    cases += SpiceCase.alone(said[2], known)
    work = SpiceWork(cases)
    parts, matches = work.parts(java, cases), work.matches(java, cases)
    assert list(matches) == list(dict.fromkeys(cases))
    for case, found in matches.items():
        counts = parts[case]["All"]
        matched = sum(one.matched for one in found.said)
        assert matched == counts["tp"]
        assert len(found.said) - matched == counts["fp"]
        # As the program counts: of two tuples that match the same one of the references, each
        # counts, so what is missing may be more than this.
        assert len(found.known) - matched == counts["fn"]
        assert sum(not one.matched for one in found.known) >= counts["fn"]
    # Synonyms match, and those that are merged stand together.
    (automobile,) = (
        one
        for one in matches[cases[2]].said
        if one.words[0].startswith("auto") and len(one.words) == 1
    )
    assert automobile.matched
    merged = matches[cases[3]].known
    assert ("car",) in [one.words for one in merged]
    assert not any(one.matched for one in matches[SpiceCase("", known)].known)


def test_each_sentence_is_parsed_once_and_kept(java: Java, spice_cache: Path) -> None:
    cases = [SpiceCase("a cup on a tray", ("a tray",)), SpiceCase("a tray", ("a cup on a tray",))]
    first, second = Parsed(), Parsed()
    scores = score_spice(java, cases * 3, listener=first)
    assert first.parsed == 2
    assert score_spice(java, cases * 3, listener=second) == scores
    assert second.parsed == 0


def test_progress_moves_sentence_by_sentence_within_a_batch(
    java: Java, spice_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Parsed()
    at_end_of_batch: list[int] = []

    class Watched(TupleStore):
        def put(self, parsed: Any) -> None:
            at_end_of_batch.append(heard.parsed)
            super().put(parsed)

    monkeypatch.setattr("vsdkit.jvm.spice.TupleStore", Watched)
    monkeypatch.setattr("vsdkit.jvm.spice._BATCH", 20)
    cases = [SpiceCase(f"a cup near tray number {number}", ("",)) for number in range(50)]
    score_spice(java, cases, listener=heard)
    assert at_end_of_batch == [20, 40, 50]
    assert heard.largest_step == 1


def test_progress_does_not_make_the_time_limit_longer(spice_cache: Path) -> None:
    with Java(spice_class_path()) as java:
        java.ask("parse", sentences=["a cup"])
        # Long enough for some sentences on a busy machine, too short for all of them anywhere.
        java._timeout_s = 5
        done: list[int] = []
        sentences = [f"a small cup number {number} on a tray" for number in range(30_000)]
        with pytest.raises(MetricError, match="no answer within 5 s"):
            java.ask("parse", sentences=sentences, on_done=done.append)
        assert sum(done) > 0


def test_killed_in_the_middle_keeps_what_was_parsed(
    spice_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsdkit.jvm.spice._BATCH", 10)
    cases = [SpiceCase(f"a cup number {number} on a tray", ("a cup",)) for number in range(500)]
    store = spice_cache / "parsed_sentences.sqlite"
    sentences = [case.sentence for case in cases]

    def count() -> int:
        with TupleStore(store, version=tuples_version()) as kept:
            return len(kept.get(sentences))

    with Java(spice_class_path()) as java:

        def kill_after_a_batch() -> None:
            while not count():
                time.sleep(0.05)
            os.kill(java.process_id, signal.SIGKILL)

        killer = threading.Thread(target=kill_after_a_batch)
        killer.start()
        with pytest.raises(MetricError, match="ended with signal 9") as caught:
            score_spice(java, cases)
        killer.join()
    assert "parsed so far are kept" in caught.value.hint
    assert 0 < count() < 500


def test_full_heap_names_the_sentence_and_the_setting(
    spice_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsdkit.jvm.spice.LONGEST_PARSED", 1_000)
    words = " ".join(["a cup on a tray beside"] * 60)
    with (
        Java(spice_class_path(), limits=JavaLimits(memory_mib=768)) as java,
        pytest.raises(MetricError, match="OutOfMemoryError") as caught,
    ):
        score_spice(java, [SpiceCase(words, ("a cup",))])
    assert "java_memory_mib" in caught.value.hint
    assert caught.value.where.startswith("a sentence of 360 words: a cup on a tray")


def test_a_sentence_without_end_costs_no_other_its_score(java: Java, spice_cache: Path) -> None:
    heard: list[str] = []
    listener = Parsed()
    listener.message = heard.append  # type: ignore[method-assign]
    endless = " ".join(["a cup on a tray"] * 2_000)
    cases = [SpiceCase(endless, ("a cup",)), SpiceCase("a cup", ("a cup",))]
    assert score_spice(java, cases, listener=listener) == [0, 100]
    assert listener.parsed == 1
    assert "1 sentences of more than 100 words are not parsed" in heard[0]


def test_long_sentences_go_alone_and_last() -> None:
    long = " ".join(["cup"] * 50)
    batches = list(_batches([long, *(f"cup {number}" for number in range(250)), long + " x"]))
    assert [len(batch) for batch in batches] == [200, 50, 1, 1]
