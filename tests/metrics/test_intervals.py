"""Resampled values against the definition, computed one resample at a time."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from vsdkit.metrics import (
    CORPUS_VALUES,
    RowStatistics,
    relation_statistics,
    score_bleu4,
    score_mbleu4,
    score_relations,
)
from vsdkit.metrics.intervals import Interval, Resamples, interval, paired_p

LABELS = ("on", "in", "under")
WORDS = ("a", "red", "cup", "stands", "on", "the", "old", "tray", "near", "grey", "dog")


def some_sentences(count: int, seed: int) -> list[list[str]]:
    random = np.random.default_rng(seed)
    return [list(random.choice(WORDS, size=random.integers(1, 9))) for _ in range(count)]


def chosen_rows(resamples: Resamples, image_of_row: list[int]) -> list[list[int]]:
    """Return the rows of each resample, by the same choice, without sums."""
    counts = resamples.sums(np.eye(resamples.images)).astype(int)
    return [
        [row for row, image in enumerate(image_of_row) for _ in range(of_images[image])]
        for of_images in counts
    ]


def test_each_resample_has_as_many_images_and_one_seed_chooses_the_same() -> None:
    first = Resamples(7, 50, 3).sums(np.eye(7))
    assert (first.sum(1) == 7).all()
    assert (first == Resamples(7, 50, 3).sums(np.eye(7))).all()
    assert (first != Resamples(7, 50, 4).sums(np.eye(7))).any()


def test_the_choice_does_not_depend_on_how_many_fit_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = Resamples(7, 50, 3).sums(np.eye(7))
    monkeypatch.setattr("vsdkit.metrics.intervals._VALUES_AT_ONCE", 20)
    assert (whole == Resamples(7, 50, 3).sums(np.eye(7))).all()


def test_relations_are_those_of_the_rows_chosen() -> None:
    gold = [{"on"}, {"in"}, {"on", "under"}, {"in"}, {"under"}, {"on"}]
    predicted = ["on", None, "on", "on", "under", "in"]
    images = [0, 0, 1, 2, 3, 3]
    resamples = Resamples(4, 40, 0)
    names = (*CORPUS_VALUES["f1"], *LABELS)
    part = RowStatistics("f1", names, relation_statistics(gold, predicted, LABELS))
    values = resamples.values(images, [part])
    absent = 0
    for number, rows in enumerate(chosen_rows(resamples, images)):
        score = score_relations([gold[row] for row in rows], [predicted[row] for row in rows])
        averages = score.micro, score.macro, score.weighted, score.samples, score.accuracy
        found = [values[name][number] for name in CORPUS_VALUES["f1"]]
        assert found == pytest.approx(averages)
        for label in LABELS:
            claimed = [predicted[row] == label for row in rows]
            wanted = [label in gold[row] for row in rows]
            both = sum(a and b for a, b in zip(claimed, wanted, strict=True))
            f1 = 200 * both / (sum(claimed) + sum(wanted)) if any(claimed + wanted) else math.nan
            assert values[label][number] == pytest.approx(f1, nan_ok=True)
            absent += math.isnan(f1)
    # A label that neither gold nor a prediction has in a resample has no F1 there.
    assert absent


def test_corpus_bleu_is_that_of_the_rows_chosen() -> None:
    hypotheses, references = some_sentences(9, 1), [some_sentences(2, seed) for seed in range(9)]
    references[4] = [hypotheses[4]]
    images = [0, 1, 1, 2, 3, 4, 4, 4, 5]
    resamples = Resamples(6, 30, 5)
    names = ("bleu1", "bleu2", "bleu3", "bleu4")
    whole = score_bleu4(hypotheses, references)
    values = resamples.values(images, [RowStatistics("bleu", names, whole.statistics)])
    for number, rows in enumerate(chosen_rows(resamples, images)):
        score = score_bleu4([hypotheses[row] for row in rows], [references[row] for row in rows])
        assert [values[name][number] for name in names] == pytest.approx(score.orders)


def test_corpus_mbleu_is_that_of_the_rows_chosen_and_silence_is_the_worst() -> None:
    triples = [some_sentences(3, seed) for seed in range(5)]
    triples[1] = [triples[1][0]] * 3
    whole = score_mbleu4(triples)
    rows: list[list[float]] = [[*item, 0.0] for item in whole.statistics]
    # 3 x (4 matches + 4 totals + 2 lengths)
    rows.append([0.0] * 30 + [100.0])
    images = [0, 1, 2, 3, 4, 5]
    resamples = Resamples(6, 30, 1)
    values = resamples.values(images, [RowStatistics("mbleu", ("corpus",), rows)])["corpus"]
    for number, chosen in enumerate(chosen_rows(resamples, images)):
        answered = [triples[row] for row in chosen if row < 5]
        silent = sum(row == 5 for row in chosen) / 6
        expected = (1 - silent) * (score_mbleu4(answered).corpus if answered else 0) + 100 * silent
        assert values[number] == pytest.approx(expected)


def test_means_are_over_rows_not_images_and_nothing_where_no_row_is_chosen() -> None:
    resamples = Resamples(2, 60, 0)
    values = resamples.values(
        [0, 0, 0], [RowStatistics("mean", ("a", "b"), [[3, 1], [6, 1], [0, 1]])]
    )
    assert np.isnan(values["a"]).any()
    assert set(values["a"][~np.isnan(values["a"])]) == {3.0}
    assert interval(values["b"]) == Interval(1, 1)


def test_interval_of_a_mean_covers_what_theory_says() -> None:
    sample = np.random.default_rng(2).normal(50, 10, size=900)
    rows = [[value] for value in sample]
    resampled = Resamples(900, 2000, 0).values(
        list(range(900)), [RowStatistics("mean", ("m",), rows)]
    )
    half = 1.96 * sample.std() / 30
    assert interval(resampled["m"]) == pytest.approx(
        (sample.mean() - half, sample.mean() + half), abs=0.1
    )


def test_no_value_has_no_interval_and_no_p() -> None:
    nothing = np.full(5, np.nan)
    assert interval(nothing) is None
    assert paired_p(0, nothing) is None


def test_p_is_one_for_the_same_system_and_small_for_another() -> None:
    assert paired_p(0, np.zeros(999)) == 1
    apart = np.random.default_rng(0).normal(5, 1, size=999)
    assert paired_p(5, apart) == pytest.approx(1 / 1000)
    # A difference of one standard error: two-sided, about 0.32 by the normal distribution.
    assert paired_p(1, apart) == pytest.approx(0.32, abs=0.05)


def test_as_many_images_as_the_test_split_take_a_moment() -> None:
    images, columns = 5_855, 110
    rows = np.random.default_rng(0).random((images, columns)).tolist()
    names = tuple(str(number) for number in range(columns))
    start = time.process_time()
    Resamples(images, 1000, 0).values(list(range(images)), [RowStatistics("mean", names, rows)])
    # Measured: 0.2 s; a loop over resamples or images would take many times as long.
    assert time.process_time() - start < 2
