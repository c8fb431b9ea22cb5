"""BLEU-4 and mBLEU-4 on tokenised sentences, computed by pycocoevalcap; all values 0 to 100."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = [
    "Bleu",
    "MBleu",
    "bleu4_by_reference",
    "mean_mbleu4",
    "score_bleu4",
    "score_mbleu4",
]

Tokens = Sequence[str]

_ORDER = 4


class Bleu(NamedTuple):
    """BLEU-4 of a corpus and of each of its sentences, 0 to 100."""

    corpus: float
    sentences: list[float]


class MBleu(NamedTuple):
    """How alike the sentences of each item are, 0 to 100, lower is more diverse.

    ``mean`` averages ``items``; an item is the mean of its ``sentences``, each held against the
    others of the item. ``corpus`` is the other reading: corpus BLEU for each position, then the
    mean over positions.
    """

    mean: float
    corpus: float
    items: list[float]
    sentences: list[list[float]]


def score_bleu4(hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> Bleu:
    """Return BLEU-4 of sentences, each against all its references; un-smoothed.

    Args:
        hypotheses: One tokenised sentence each.
        references: Of each sentence, at least one tokenised reference.

    Raises:
        ValueError: If there is no sentence, the lengths differ, or a sentence has no reference.

    Source:
        Papineni et al. 2002, as coco-caption computes it: pycocoevalcap ``BleuScorer``, length
        of the closest reference, the shorter one of two equally close.

    >>> same = ["a", "dog", "on", "a", "mat"]
    >>> round(score_bleu4([same], [[same]]).corpus, 4)
    100.0
    """
    from pycocoevalcap.bleu.bleu_scorer import BleuScorer

    if not hypotheses or not all(references):
        raise ValueError("every sentence needs a reference, and there must be a sentence")
    scorer = BleuScorer(n=_ORDER)
    for hypothesis, texts in zip(hypotheses, references, strict=True):
        scorer += (" ".join(hypothesis), [" ".join(text) for text in texts])
    corpus, sentences = scorer.compute_score(option="closest", verbose=0)
    return Bleu(
        100 * float(corpus[_ORDER - 1]), [100 * float(value) for value in sentences[_ORDER - 1]]
    )


def bleu4_by_reference(
    hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
) -> list[list[float]]:
    """Return, of each sentence, its BLEU-4 against each reference alone.

    Raises:
        ValueError: If there is no sentence, the lengths differ, or a sentence has no reference.
    """
    pairs = [
        (hypothesis, [text])
        for hypothesis, texts in zip(hypotheses, references, strict=True)
        for text in texts
    ]
    values = iter(score_bleu4([pair[0] for pair in pairs], [pair[1] for pair in pairs]).sentences)
    return [[next(values) for _ in texts] for texts in references]


def score_mbleu4(triples: Sequence[Sequence[Tokens]]) -> MBleu:
    """Return the BLEU-4 of each sentence against the other sentences of its item.

    Args:
        triples: Of each item its tokenised sentences, the same number everywhere, two or more.

    Raises:
        ValueError: If there is no item, or the numbers of sentences differ.

    >>> same = ["a", "dog", "on", "a", "mat"]
    >>> round(score_mbleu4([[same, same, same]]).mean, 4)
    100.0
    """
    sizes = {len(triple) for triple in triples}
    if len(sizes) != 1:
        raise ValueError(f"items must have the same number of sentences, got {sorted(sizes)}")
    positions = [
        score_bleu4(
            [triple[position] for triple in triples],
            [[*triple[:position], *triple[position + 1 :]] for triple in triples],
        )
        for position in range(sizes.pop())
    ]
    sentences = [
        list(values) for values in zip(*(position.sentences for position in positions), strict=True)
    ]
    items = [sum(values) / len(values) for values in sentences]
    return MBleu(
        mean=sum(items) / len(items),
        corpus=sum(position.corpus for position in positions) / len(positions),
        items=items,
        sentences=sentences,
    )


def mean_mbleu4(triples: Sequence[Sequence[Tokens]]) -> float:
    """Return mBLEU-4: the mean over items of how alike their sentences are, 0 to 100.

    Raises:
        ValueError: If there is no item, or the numbers of sentences differ.
    """
    return score_mbleu4(triples).mean
