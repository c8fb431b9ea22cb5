from __future__ import annotations

import pytest
from pycocoevalcap.bleu.bleu import Bleu

from vsdkit.metrics import bleu4_readings, score_bleu4, score_mbleu4

HYPOTHESES = [
    ["a", "grey", "cup", "stands", "on", "the", "wooden", "table"],
    ["the", "tall", "lamp", "is", "behind", "a", "green", "sofa"],
    ["two", "boats"],
]
REFERENCES = [
    [
        ["a", "grey", "cup", "is", "on", "the", "wooden", "table"],
        ["the", "cup", "stands", "on", "the", "wooden", "table"],
    ],
    [["a", "tall", "lamp", "is", "behind", "a", "sofa"]],
    [["two", "boats", "in", "the", "harbour"], ["boats"]],
]


# Of pycocoevalcap 1.2 itself: no smoothing, so below four words nothing can be reached.
@pytest.mark.parametrize(
    ("words", "expected"),
    [("one two three four", 100.0), ("one two three", 3.1623), ("one two", 0.1)],
)
def test_identical_short_sentences(words: str, expected: float) -> None:
    tokens = words.split()
    assert score_bleu4([tokens], [[tokens]]).sentences[0] == pytest.approx(expected, abs=5e-5)


def test_equals_pycocoevalcap() -> None:
    ids = range(len(HYPOTHESES))
    corpus, sentences = Bleu(4).compute_score(
        {i: [" ".join(text) for text in REFERENCES[i]] for i in ids},
        {i: [" ".join(HYPOTHESES[i])] for i in ids},
        verbose=0,
    )
    scored = score_bleu4(HYPOTHESES, REFERENCES)
    assert scored.corpus == 100 * corpus[3]
    assert scored.sentences == [100 * value for value in sentences[3]]


def test_each_reference_alone() -> None:
    by_reference = bleu4_readings(HYPOTHESES, REFERENCES).by_reference
    assert [len(values) for values in by_reference] == [2, 1, 2]
    for hypothesis, texts, values in zip(HYPOTHESES, REFERENCES, by_reference, strict=True):
        for text, value in zip(texts, values, strict=True):
            assert value == score_bleu4([hypothesis], [[text]]).sentences[0]


def test_mbleu_is_the_mean_of_each_sentence_against_the_others() -> None:
    triples = [HYPOTHESES, [HYPOTHESES[0], HYPOTHESES[0], HYPOTHESES[1]]]
    scored = score_mbleu4(triples)
    for triple, values, item in zip(triples, scored.sentences, scored.items, strict=True):
        expected = [
            score_bleu4([triple[i]], [[triple[j] for j in range(3) if j != i]]).sentences[0]
            for i in range(3)
        ]
        assert values == expected
        assert item == pytest.approx(sum(expected) / 3)
    assert scored.mean == pytest.approx(sum(scored.items) / 2)
    assert scored.items[0] < 1 < scored.items[1]


def test_corpus_reading_of_mbleu_differs_from_the_sentence_reading() -> None:
    triples = [[["a", "b", "c"]] * 3, [["a", "b", "c", "d", "e", "f"]] * 3]
    scored = score_mbleu4(triples)
    assert scored.corpus == pytest.approx(100)
    assert scored.mean == pytest.approx((100 + 3.1623) / 2, abs=1e-3)


def test_empty_sentence_scores_nothing() -> None:
    assert score_bleu4([[]], [[["a", "dog"]]]).sentences == [0.0]


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(ValueError, match="every sentence needs a reference"):
        score_bleu4([["a"]], [[]])
    with pytest.raises(ValueError, match="every sentence needs a reference"):
        score_bleu4([], [])
    with pytest.raises(ValueError, match="same number of sentences"):
        score_mbleu4([[["a"], ["b"]], [["a"], ["b"], ["c"]]])


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    score_bleu4(HYPOTHESES, REFERENCES)
    assert capsys.readouterr() == ("", "")


def test_all_references_together_are_scored_as_by_their_own_function() -> None:
    assert bleu4_readings(HYPOTHESES, REFERENCES).together == score_bleu4(HYPOTHESES, REFERENCES)


def test_repeated_sentences_count_each_time() -> None:
    once, twice = (score_bleu4(HYPOTHESES * n, REFERENCES * n) for n in (1, 2))
    assert twice.sentences == once.sentences * 2
    assert twice.corpus == pytest.approx(once.corpus)
    assert twice.statistics == once.statistics * 2


def test_statistics_are_shared_and_own_runs_and_lengths() -> None:
    hypothesis, references = ["a", "red", "cup"], [["a", "red", "tray", "there"], ["a"]]
    (counts,) = score_bleu4([hypothesis], [references]).statistics
    assert counts == (2, 1, 0, 0, 3, 2, 1, 0, 3, 4)
