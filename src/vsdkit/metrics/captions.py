"""CIDEr and ROUGE-L of captions, by pycocoevalcap's own classes; all values times 100."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["score_cider", "score_rouge_l"]

Tokens = Sequence[str]


def score_cider(
    hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
) -> list[float]:
    """Return CIDEr of each sentence, 0 to 1000; the corpus value is their mean.

    How rare a word is, is counted over the references given: values of another set of
    references are not comparable.

    Raises:
        ValueError: If there is no sentence, the lengths differ, or a sentence has no reference.

    Source:
        Vedantam et al. 2015; pycocoevalcap ``Cider`` (the clipped form, CIDEr-D without its
        stemming).
    """
    from pycocoevalcap.cider.cider import Cider

    return _scored(Cider(), hypotheses, references)


def score_rouge_l(
    hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
) -> list[float]:
    """Return ROUGE-L of each sentence, 0 to 100; the corpus value is their mean.

    Raises:
        ValueError: If there is no sentence, the lengths differ, or a sentence has no reference.

    Source:
        Lin 2004; pycocoevalcap ``Rouge`` (beta 1.2, best precision and best recall of all
        references).
    """
    from pycocoevalcap.rouge.rouge import Rouge

    return _scored(Rouge(), hypotheses, references)


def _scored(
    metric: Any, hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
) -> list[float]:
    if not hypotheses or not all(references):
        raise ValueError("every sentence needs a reference, and there must be a sentence")
    said = {number: [" ".join(words)] for number, words in enumerate(hypotheses)}
    known = {
        number: [" ".join(words) for words in texts]
        for number, (texts, _) in enumerate(zip(references, hypotheses, strict=True))
    }
    if not any(words for texts in references for words in texts):
        # CIDEr takes the largest of no counts.
        return [0.0] * len(hypotheses)
    _, values = metric.compute_score(known, said)
    return [100 * float(value) for value in values]
