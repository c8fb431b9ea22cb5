"""Averaging and reading, without Java: tokens are given, SPICE is a table of values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

import pytest

from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.formats.align import AlignedRow, sentences_of
from vsdkit.jvm import SpiceCase
from vsdkit.metrics import score_bleu4, score_mbleu4
from vsdkit.score.measure import (
    Evidence,
    bleu,
    mbleu,
    mean_of_sentences,
    relations,
    spice,
    spice_cases,
    spice_merged_cases,
    spice_parts,
)

A = "a red cup on a tray"
B = "a red cup on the tray"
C = "the old boat lies near a pier"
TOKENS = {text: text.split() for text in (A, B, C)}
WORDS = Evidence(TOKENS)

Overlap = Callable[[Iterable[SpiceCase]], dict[SpiceCase, float]]


def row(
    task: int,
    prediction: str | tuple[str, ...] | None,
    *references: str,
    labels: tuple[str, ...] = (),
    missing: bool = False,
) -> AlignedRow:
    gold = GoldRow("1", "1.jpg", task, "cup", "tray", None, None, labels, references)
    return AlignedRow(gold, None if missing else PredictionRow("1", task, prediction))


def with_spice(rows: Sequence[AlignedRow], overlap: Overlap) -> Evidence:
    return Evidence(TOKENS, spice=overlap(spice_cases(rows, WORDS)))


def test_labels_long_short_unknown_and_missing() -> None:
    rows = [
        row(1, "to the left of", labels=("to the left of",)),
        row(1, "Left", labels=("to the left of",)),
        row(1, "beside", labels=("next to",)),
        row(1, None, labels=("on",)),
        row(1, "on", labels=("on",), missing=True),
    ]
    measured = relations(rows, Evidence())
    assert measured.corpus["accuracy"] == 40
    assert measured.corpus["f1_micro"] == pytest.approx(100 * 4 / 7)
    assert [one["label"] for one in measured.rows] == ["to the left of"] * 2 + [None] * 3
    assert [one["correct"] for one in measured.rows] == [True, True, False, False, False]


def test_task2_takes_each_maximum_on_its_own(overlap: Overlap) -> None:
    rows = [row(2, A, B, C), row(2, C, C)]
    measured = bleu(rows, WORDS)
    alone = score_bleu4([TOKENS[A]], [[TOKENS[B]]]).sentences[0]
    assert [one["bleu4"] for one in measured.rows] == pytest.approx([alone, 100])
    whole = score_bleu4([TOKENS[A], TOKENS[C]], [[TOKENS[B], TOKENS[C]], [TOKENS[C]]])
    assert measured.corpus["corpus_bleu4"] == whole.corpus
    found = spice(rows, with_spice(rows, overlap)).rows[0]
    alone_cases, merged = [SpiceCase(A, (B,)), SpiceCase(A, (C,))], SpiceCase(A, (B, C))
    assert found["spice_by_reference"] == list(overlap(alone_cases).values())
    assert found["spice"] == max(found["spice_by_reference"])
    assert found["spice_merged"] == overlap([merged])[merged]


def test_task2_without_an_answer_is_zero_everywhere(overlap: Overlap) -> None:
    for silent in (row(2, None, A), row(2, A, A, missing=True)):
        rows = [silent, row(2, A, A)]
        measured = bleu(rows, WORDS)
        of_spice = spice(rows, with_spice(rows, overlap))
        assert [one["bleu4"] for one in measured.rows] == pytest.approx([0, 100])
        assert [one["spice"] for one in of_spice.rows] == [0, 100]
        assert [one["spice_merged"] for one in of_spice.rows] == [0, 100]
        assert measured.corpus["corpus_bleu4"] < 60


def test_task3_is_the_mean_over_sentences_then_items(overlap: Overlap) -> None:
    rows = [row(3, (A, B, C), B), row(3, (C, C, C), C)]
    measured = mbleu(rows, WORDS)
    direct = score_mbleu4([[TOKENS[A], TOKENS[B], TOKENS[C]], [TOKENS[C]] * 3])
    assert measured.corpus == {"corpus_mbleu4": direct.corpus}
    assert [one["mbleu4"] for one in measured.rows] == direct.items
    found = spice(rows, with_spice(rows, overlap)).rows
    each = list(overlap(SpiceCase(text, (B,)) for text in (A, B, C)).values())
    assert found[0]["spice_by_sentence"] == each
    assert [one["spice"] for one in found] == pytest.approx([sum(each) / 3, 100])


def test_task3_without_an_answer_is_as_bad_as_can_be(overlap: Overlap) -> None:
    rows = [row(3, None, A), row(3, (A, B, C), A)]
    both, one = mbleu(rows, WORDS), mbleu(rows[1:], WORDS)
    assert (both.rows[0]["mbleu4"], both.rows[1]["mbleu4"] < 100) == (100, True)
    assert both.rows[0]["mbleu4_by_sentence"] == [100] * 3
    corpus = "corpus_mbleu4"
    assert both.corpus[corpus] == pytest.approx((100 + one.corpus[corpus]) / 2)
    assert spice(rows, with_spice(rows, overlap)).rows[0]["spice"] == 0
    assert mbleu(rows[:1], WORDS).corpus == {corpus: 100}


def test_equal_answers_of_different_items_have_equal_values() -> None:
    first, silent, again = mbleu(
        [row(3, (A, B, C), A), row(3, None, A), row(3, (A, B, C), B)], WORDS
    ).rows
    assert first == again != silent


def test_sentences_are_named_once() -> None:
    assert sentences_of([row(2, A, A, B), row(3, (B, C, C), A), row(2, None, A)]) == [A, B, C]


def test_a_function_of_sentences_is_averaged_over_the_sentences_of_a_row() -> None:
    def shared(sentences: Sequence[Sequence[str]], references: Sequence[object]) -> list[float]:
        return [float(len(words)) for words in sentences]

    measure = mean_of_sentences("length", shared, silence=0)
    of_two = measure([row(2, A, B), row(2, None, B)], WORDS)
    assert of_two.rows == [{"length": 6}, {"length": 0}]
    of_three = measure([row(3, (A, B, C), B), row(3, None, B)], WORDS)
    assert of_three.rows == [{"length": fmean((6, 6, 7))}, {"length": 0}]


def parted(rows: Sequence[AlignedRow], **f: Sequence[float | None]) -> Evidence:
    """Return evidence in which the cases have these values of F, one after the other."""
    kinds = ("Object", "Attribute", "Relation", "Color", "Size", "Cardinality")
    cases = dict.fromkeys(spice_merged_cases(rows, WORDS))
    return Evidence(
        TOKENS,
        spice_parts={
            case: {kind: {"f": f[kind][number] if kind in f else None} for kind in kinds}
            for number, case in enumerate(cases)
        },
    )


def test_a_sub_score_is_the_mean_of_the_rows_whose_references_have_such_tuples() -> None:
    rows = [row(2, A, B), row(2, B, A), row(2, C, A)]
    found = spice_parts(rows, parted(rows, Color=[1.0, None, 0.5], Object=[0.5, 0.25, 0.0]))
    assert [one["spice_color"] for one in found.rows] == [100, None, 50]
    assert found.corpus["spice_color"] == 75
    assert found.corpus["spice_object"] == 25
    # No reference counts anything: there is no value, and that is not 0.
    assert found.corpus["spice_cardinality"] is None


def test_a_sub_score_of_three_sentences_is_their_mean() -> None:
    rows = [row(3, (A, B, C), A, C)]
    found = spice_parts(rows, parted(rows, Relation=[1.0, 0.5, 0.0]))
    assert found.rows[0]["spice_relation"] == 50


def test_a_sub_score_is_resampled_over_the_rows_that_have_one() -> None:
    import numpy as np

    from vsdkit.metrics.intervals import Resamples

    rows = [row(2, A, B), row(2, B, A), row(2, C, A)]
    found = spice_parts(rows, parted(rows, Color=[1.0, None, 0.5]))
    assert found.statistics is not None
    values = Resamples(3, 200, 0).values([0, 1, 2], [found.statistics])
    known = values["spice_color"][~np.isnan(values["spice_color"])]
    # Images 0 and 2 in any numbers, image 1 in none of the means: between 50 and 100.
    assert set(known) >= {50, 75, 100}
    assert known.min() == 50
    assert np.isnan(values["spice_size"]).all()
