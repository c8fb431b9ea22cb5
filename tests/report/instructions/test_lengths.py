"""Lengths of texts in words or tokens."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from vsdkit.model.bases import check_base, resolve_base
from vsdkit.model.checkpoint import load_tokenizer
from vsdkit.progress import SILENT
from vsdkit.report.instructions.lengths import (
    count_lengths,
    make_histogram,
    token_counter,
    word_counter,
)


@given(st.dictionaries(st.integers(0, 400), st.integers(1, 50), min_size=1, max_size=40))
def test_bars_hold_every_row_once_and_are_few(counts: dict[int, int]) -> None:
    histogram = make_histogram(counts, task=1, what="answer")
    assert sum(bar.rows for bar in histogram.bars) == sum(counts.values())
    assert len(histogram.bars) <= 24
    assert (histogram.bars[0].first, histogram.bars[-1].last) == (min(counts), max(counts))
    for before, behind in zip(histogram.bars, histogram.bars[1:], strict=False):
        assert behind.first == before.last + 1
    assert max(bar.height for bar in histogram.bars) == 100
    assert min(counts) <= histogram.median <= histogram.p95 <= histogram.longest == max(counts)


def test_each_text_counts_as_often_as_rows_have_it() -> None:
    texts = Counter({(1, "one two"): 3, (2, "one"): 1, (1, "a b c d"): 1})
    one, two = count_lengths(texts, word_counter, listener=SILENT, what="answer")
    assert (one.task, one.median, one.longest, sum(bar.rows for bar in one.bars)) == (1, 2, 4, 4)
    assert (two.task, two.longest) == (2, 1)


def test_more_texts_than_are_counted_at_once_are_all_counted() -> None:
    texts = Counter({(2, f"word {number}"): 1 for number in range(2_345)})
    (histogram,) = count_lengths(texts, word_counter, listener=SILENT, what="question")
    assert sum(bar.rows for bar in histogram.bars) == 2_345


def test_tokens_are_those_of_the_text_alone() -> None:
    tokenizer = load_tokenizer(resolve_base("tiny"), check_base("tiny"))
    texts = ["the red box", "a"]
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    assert token_counter(tokenizer)(texts) == [len(one) for one in ids]
