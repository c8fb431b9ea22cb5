from __future__ import annotations

import pytest

from vsdkit.metrics import score_cider, score_rouge_l

HYPOTHESES = [["a", "grey", "cup", "stands", "on", "the", "table"], ["two", "boats"], []]
REFERENCES = [
    [["a", "grey", "cup", "is", "on", "the", "wooden", "table"], ["the", "cup", "stands", "there"]],
    [["two", "boats"]],
    [["a", "lamp"]],
]


def test_rouge_l_is_the_definition() -> None:
    # By hand: six words of 7 and of 8 in the first reference, "a grey cup on the table".
    precision, recall, beta = 6 / 7, 6 / 8, 1.2
    expected = (1 + beta**2) * precision * recall / (recall + beta**2 * precision)
    values = score_rouge_l(HYPOTHESES, REFERENCES)
    assert values == pytest.approx([100 * expected, 100, 0])


def test_cider_of_the_reference_itself_is_the_largest() -> None:
    values = score_cider(HYPOTHESES, REFERENCES)
    # Two words have no runs of three or four: half of the 1000 of a longer sentence.
    assert values[1] == pytest.approx(500)
    assert 0 < values[0] < 500
    assert values[2] == 0


def test_cider_counts_a_word_by_how_rare_the_references_make_it() -> None:
    common = [["cup"], ["cup"], ["boat"]]
    alone = score_cider(common, [[["cup"]], [["cup"]], [["boat"]]])
    assert alone[2] == alone[0] == pytest.approx(250)
    everywhere = score_cider(common, [[["cup"]]] * 3)
    assert everywhere == [0, 0, 0]


def test_references_without_words_score_nothing() -> None:
    assert score_cider([["a"]], [[[]]]) == score_rouge_l([["a"]], [[[]]]) == [0]


def test_what_cannot_be_scored_is_refused() -> None:
    for score in (score_cider, score_rouge_l):
        with pytest.raises(ValueError, match="every sentence needs a reference"):
            score([], [])
        with pytest.raises(ValueError, match="every sentence needs a reference"):
            score([["a"]], [[]])
        with pytest.raises(ValueError, match="zip"):
            score([["a"]], [[["a"]], [["b"]]])
