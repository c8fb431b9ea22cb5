"""BLEU-4 and mBLEU-4 on tokenised sentences, computed by pycocoevalcap; all values 0 to 100."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from vsdkit.metrics.statistics import BLEU_ORDERS

__all__ = [
    "WORST_MBLEU4",
    "Bleu",
    "BleuReadings",
    "MBleu",
    "bleu4_readings",
    "score_bleu4",
    "score_mbleu4",
]

Tokens = Sequence[str]

WORST_MBLEU4 = 100.0
"""mBLEU-4 of a row without an answer: lower is better, and silence must not be rewarded."""


class Bleu(NamedTuple):
    """BLEU-4 of a corpus and of each of its sentences, 0 to 100."""

    corpus: float
    """Of all sentences together."""
    sentences: list[float]
    """Of each sentence."""
    orders: tuple[float, ...]
    """Of all sentences together, BLEU-1 to BLEU-4."""
    statistics: list[tuple[int, ...]]
    """Sufficient statistics of each sentence [sentences, BLEU_COLUMNS]: shared n-grams of each
    order, its own n-grams of each order, its length, the length of the closest reference."""


class BleuReadings(NamedTuple):
    """BLEU-4 of sentences in two readings."""

    by_reference: list[list[float]]
    """Of each sentence against each of its references alone."""
    together: Bleu
    """Against all references of a sentence together."""


class MBleu(NamedTuple):
    """How alike the sentences of each item are, 0 to 100, lower is more diverse."""

    mean: float
    """Mean of ``items``: the reading of the challenge."""
    corpus: float
    """The other reading: corpus BLEU for each position, then the mean over positions."""
    items: list[float]
    """Of each item the mean of its sentences."""
    sentences: list[list[float]]
    """Of each item and sentence its BLEU-4 against the other sentences of the item."""
    statistics: list[tuple[int, ...]]
    """Sufficient statistics of each item for ``corpus``, one position after the other
    [items, positions x BLEU_COLUMNS]."""


class _Counter:
    """Counts n-grams of a sentence and its references once, however often they are asked for.

    pycocoevalcap's scorer is fed by appending (``+=`` counts n-grams) and keeps the counts of the
    case at its place in ``crefs`` and ``ctest``. Counting is what takes time, and a plain sentence
    stands in many rows, so one scorer counts each case once, and another is given its counts.
    """

    def __init__(self) -> None:
        self._places: dict[tuple[str, tuple[str, ...]], int] = {}
        self._scorer = _new_scorer()

    def score(self, hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> Bleu:
        """Return BLEU-4 of sentences, each against all its references."""
        if not hypotheses or not all(references):
            raise ValueError("every sentence needs a reference, and there must be a sentence")
        places = [
            self._place(" ".join(hypothesis), tuple(" ".join(text) for text in texts))
            for hypothesis, texts in zip(hypotheses, references, strict=True)
        ]
        scorer = _new_scorer()
        scorer.crefs = [self._scorer.crefs[place] for place in places]
        scorer.ctest = [self._scorer.ctest[place] for place in places]
        # Counts are given, so only the sums and the closest lengths are worked out here.
        corpus, sentences = scorer.compute_score(option="closest", verbose=0)
        return Bleu(
            corpus=100 * float(corpus[-1]),
            sentences=[100 * float(value) for value in sentences[-1]],
            orders=tuple(100 * float(value) for value in corpus),
            statistics=[_statistics(counts) for counts in scorer.ctest],
        )

    def _place(self, hypothesis: str, references: tuple[str, ...]) -> int:
        key = hypothesis, references
        if key not in self._places:
            self._places[key] = len(self._places)
            self._scorer += (hypothesis, list(references))
        return self._places[key]


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
    return _Counter().score(hypotheses, references)


def bleu4_readings(
    hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
) -> BleuReadings:
    """Return BLEU-4 of sentences against each reference alone, and against all of them.

    Raises:
        ValueError: If there is no sentence, the lengths differ, or a sentence has no reference.
    """
    counter = _Counter()
    together = counter.score(hypotheses, references)
    cases = list(zip(hypotheses, references, strict=True))
    alone = [(hypothesis, text) for hypothesis, texts in cases for text in texts]
    values = counter.score([one for one, _ in alone], [[text] for _, text in alone]).sentences
    value_of = {
        (tuple(hypothesis), tuple(text)): value
        for (hypothesis, text), value in zip(alone, values, strict=True)
    }
    by_reference = [
        [value_of[tuple(hypothesis), tuple(text)] for text in texts] for hypothesis, texts in cases
    ]
    return BleuReadings(by_reference, together)


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
    counter = _Counter()
    positions = [
        counter.score(
            [triple[position] for triple in triples],
            [[*triple[:position], *triple[position + 1 :]] for triple in triples],
        )
        for position in range(sizes.pop())
    ]
    # From position by position, as the corpus reading wants it, to item by item.
    sentences = [
        list(values) for values in zip(*(position.sentences for position in positions), strict=True)
    ]
    items = [sum(values) / len(values) for values in sentences]
    return MBleu(
        mean=sum(items) / len(items),
        corpus=sum(position.corpus for position in positions) / len(positions),
        items=items,
        sentences=sentences,
        statistics=[
            sum(of_positions, ())
            for of_positions in zip(*(position.statistics for position in positions), strict=True)
        ],
    )


def _new_scorer() -> Any:
    from pycocoevalcap.bleu.bleu_scorer import BleuScorer

    return BleuScorer(n=BLEU_ORDERS)


def _statistics(counts: Mapping[str, Any]) -> tuple[int, ...]:
    length = counts["testlen"]
    # As BleuScorer's option "closest": of two lengths equally close the shorter one.
    closest = min((abs(other - length), other) for other in counts["reflen"])[1]
    return (*counts["correct"], *counts["guess"], length, closest)
