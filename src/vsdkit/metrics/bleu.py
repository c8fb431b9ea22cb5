"""BLEU-4 and mBLEU-4 on tokenised sentences, computed by pycocoevalcap; all values 0 to 100."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

__all__ = [
    "Bleu",
    "BleuReadings",
    "MBleu",
    "bleu4_by_reference",
    "bleu4_readings",
    "mean_mbleu4",
    "score_bleu4",
    "score_mbleu4",
]

Tokens = Sequence[str]

_ORDER = 4


class Bleu(NamedTuple):
    """BLEU-4 of a corpus and of each of its sentences, 0 to 100.

    Args:
        corpus: Of all sentences together.
        sentences: Of each sentence.
        orders: Of all sentences together, BLEU-1 to BLEU-4.
        statistics: Of each sentence what the corpus values are summed from: shared and own
            n-grams of each order, length of the sentence, length of the closest reference.
    """

    corpus: float
    sentences: list[float]
    orders: tuple[float, ...]
    statistics: list[tuple[int, ...]]


class BleuReadings(NamedTuple):
    """BLEU-4 of sentences in two readings: against each reference alone, and all together."""

    by_reference: list[list[float]]
    together: Bleu


class MBleu(NamedTuple):
    """How alike the sentences of each item are, 0 to 100, lower is more diverse.

    ``mean`` averages ``items``; an item is the mean of its ``sentences``, each held against the
    others of the item. ``corpus`` is the other reading: corpus BLEU for each position, then the
    mean over positions; ``statistics`` has, of each item, those of its positions.
    """

    mean: float
    corpus: float
    items: list[float]
    sentences: list[list[float]]
    statistics: list[list[tuple[int, ...]]]


class _Counter:
    """Counts n-grams of a sentence and its references once, however often they are asked for."""

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
        corpus, sentences = scorer.compute_score(option="closest", verbose=0)
        return Bleu(
            corpus=100 * float(corpus[_ORDER - 1]),
            sentences=[100 * float(value) for value in sentences[_ORDER - 1]],
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
    pairs = [
        (hypothesis, [text])
        for hypothesis, texts in zip(hypotheses, references, strict=True)
        for text in texts
    ]
    values = iter(counter.score([pair[0] for pair in pairs], [pair[1] for pair in pairs]).sentences)
    return BleuReadings([[next(values) for _ in texts] for texts in references], together)


def bleu4_by_reference(
    hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
) -> list[list[float]]:
    """Return, of each sentence, its BLEU-4 against each reference alone.

    Raises:
        ValueError: If there is no sentence, the lengths differ, or a sentence has no reference.
    """
    return bleu4_readings(hypotheses, references).by_reference


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
            list(values)
            for values in zip(*(position.statistics for position in positions), strict=True)
        ],
    )


def mean_mbleu4(triples: Sequence[Sequence[Tokens]]) -> float:
    """Return mBLEU-4: the mean over items of how alike their sentences are, 0 to 100.

    Raises:
        ValueError: If there is no item, or the numbers of sentences differ.
    """
    return score_mbleu4(triples).mean


def _new_scorer() -> Any:
    from pycocoevalcap.bleu.bleu_scorer import BleuScorer

    return BleuScorer(n=_ORDER)


def _statistics(counts: Mapping[str, Any]) -> tuple[int, ...]:
    length = counts["testlen"]
    closest = min((abs(other - length), other) for other in counts["reflen"])[1]
    return (*counts["correct"], *counts["guess"], length, closest)
