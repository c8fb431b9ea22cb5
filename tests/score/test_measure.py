"""Averaging and reading, without Java: tokens are given, SPICE is a table of values."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.jvm import SpiceCase
from vsdkit.metrics import score_bleu4, score_mbleu4
from vsdkit.score.align import Pair
from vsdkit.score.measure import (
    bleu_of_task2,
    bleu_of_task3,
    relations_of_task1,
    sentences_of,
    spice_of_task2,
    spice_of_task3,
)

A = "a red cup on a tray"
B = "a red cup on the tray"
C = "the old boat lies near a pier"
TOKENS = {text: text.split() for text in (A, B, C)}


def pair(
    task: int,
    prediction: str | tuple[str, ...] | None,
    *references: str,
    relations: tuple[str, ...] = (),
    missing: bool = False,
) -> Pair:
    gold = GoldRow("1", "1.jpg", task, "cup", "tray", None, None, relations, references)
    return Pair(gold, None if missing else PredictionRow("1", task, prediction))


def overlap(cases: Sequence[SpiceCase]) -> list[float]:
    """Return the share of the sentence's words that a reference has: stands for SPICE."""
    return [
        100.0 * len(words & set(" ".join(case.references).split())) / len(words) if words else 0.0
        for case in cases
        for words in [set(case.sentence.split())]
    ]


def test_labels_long_short_unknown_and_missing() -> None:
    pairs = [
        pair(1, "to the left of", relations=("to the left of",)),
        pair(1, "Left", relations=("to the left of",)),
        pair(1, "beside", relations=("next to",)),
        pair(1, None, relations=("on",)),
        pair(1, "on", relations=("on",), missing=True),
    ]
    measured = relations_of_task1(pairs)
    assert measured.numbers["accuracy"] == 40
    assert measured.numbers["f1_micro"] == pytest.approx(100 * 4 / 7)
    assert measured.numbers["unparsed"] == 3
    assert [row["label"] for row in measured.rows] == ["to the left of"] * 2 + [None] * 3
    assert [row["correct"] for row in measured.rows] == [True, True, False, False, False]


def test_task2_takes_each_maximum_on_its_own() -> None:
    pairs = [pair(2, A, B, C), pair(2, C, C)]
    bleu = bleu_of_task2(pairs, TOKENS)
    alone = score_bleu4([TOKENS[A]], [[TOKENS[B]]]).sentences[0]
    assert bleu.rows[0]["bleu4"] == alone
    assert bleu.numbers["bleu4"] == pytest.approx((alone + 100) / 2)
    whole = score_bleu4([TOKENS[A], TOKENS[C]], [[TOKENS[B], TOKENS[C]], [TOKENS[C]]])
    assert bleu.numbers["bleu4_coco"] == whole.corpus
    spice = spice_of_task2(pairs, TOKENS, overlap)
    assert spice.rows[0]["spice_by_reference"] == overlap([SpiceCase(A, (B,)), SpiceCase(A, (C,))])
    assert spice.rows[0]["spice_merged"] == overlap([SpiceCase(A, (B, C))])[0]
    assert spice.numbers["spice"] == pytest.approx((spice.rows[0]["spice"] + 100) / 2)


def test_task2_without_an_answer_is_zero_everywhere() -> None:
    for silent in (pair(2, None, A), pair(2, A, A, missing=True)):
        pairs = [silent, pair(2, A, A)]
        numbers = {
            **bleu_of_task2(pairs, TOKENS).numbers,
            **spice_of_task2(pairs, TOKENS, overlap).numbers,
        }
        means = [numbers[name] for name in ("bleu4", "spice", "spice_coco")]
        assert means == pytest.approx([50] * 3)
        assert numbers["bleu4_coco"] < 60


def test_task3_is_the_mean_over_sentences_then_items() -> None:
    pairs = [pair(3, (A, B, C), B), pair(3, (C, C, C), C)]
    bleu = bleu_of_task3(pairs, TOKENS)
    direct = score_mbleu4([[TOKENS[A], TOKENS[B], TOKENS[C]], [TOKENS[C]] * 3])
    assert (bleu.numbers["mbleu4"], bleu.numbers["mbleu4_corpus"]) == (direct.mean, direct.corpus)
    assert [row["mbleu4"] for row in bleu.rows] == direct.items
    spice = spice_of_task3(pairs, TOKENS, overlap)
    each = overlap([SpiceCase(text, (B,)) for text in (A, B, C)])
    assert spice.rows[0]["spice_by_sentence"] == each
    assert spice.numbers["spice"] == pytest.approx((sum(each) / 3 + 100) / 2)


def test_task3_without_an_answer_is_as_bad_as_can_be() -> None:
    pairs = [pair(3, None, A), pair(3, (A, B, C), A)]
    silent, answered = bleu_of_task3(pairs, TOKENS).rows
    assert (silent["mbleu4"], answered["mbleu4"] < 100) == (100, True)
    both = bleu_of_task3(pairs, TOKENS).numbers
    one = bleu_of_task3(pairs[1:], TOKENS).numbers
    assert both["mbleu4"] == pytest.approx((100 + one["mbleu4"]) / 2)
    assert both["mbleu4_corpus"] == pytest.approx((100 + one["mbleu4_corpus"]) / 2)
    assert spice_of_task3(pairs, TOKENS, overlap).rows[0]["spice"] == 0
    assert bleu_of_task3(pairs[:1], TOKENS).numbers == {"mbleu4": 100, "mbleu4_corpus": 100}


def test_sentences_are_named_once() -> None:
    assert sentences_of([pair(2, A, A, B), pair(3, (B, C, C), A), pair(2, None, A)]) == [A, B, C]
