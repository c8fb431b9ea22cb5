"""The numbers of each task, and of each row, from aligned predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from vsdkit.data.relations import parse_relation
from vsdkit.errors import DataError
from vsdkit.jvm import SpiceCase
from vsdkit.metrics import bleu4_by_reference, score_bleu4, score_mbleu4, score_relations
from vsdkit.score.align import Pair

__all__ = [
    "WORST_MBLEU4",
    "Measured",
    "bleu_of_task2",
    "bleu_of_task3",
    "relations_of_task1",
    "sentences_of",
    "spice_of_task2",
    "spice_of_task3",
]

WORST_MBLEU4 = 100.0
"""mBLEU-4 of a row without an answer: lower is better, and silence must not be rewarded."""

Tokenized = Mapping[str, list[str]]
ScoreCases = Callable[[Sequence[SpiceCase]], list[float]]


@dataclass(frozen=True)
class Measured:
    """Numbers of a task by name, and for each of its pairs the row's own."""

    numbers: Mapping[str, float | int]
    rows: Sequence[Mapping[str, Any]]


def sentences_of(pairs: Iterable[Pair]) -> list[str]:
    """Return each sentence once that the pairs of tasks 2 and 3 are scored by."""
    found: dict[str, None] = {}
    for pair in pairs:
        found.update(dict.fromkeys(pair.gold.references))
        found.update(dict.fromkeys(_answers(pair)))
    return list(found)


def relations_of_task1(pairs: Sequence[Pair]) -> Measured:
    """Return F1 in its averages; a label that is none of the nine counts as unparsed."""
    labels = [_label(pair) for pair in pairs]
    gold = [frozenset(pair.gold.relations) for pair in pairs]
    score = score_relations(gold, labels)
    numbers: dict[str, float | int] = {
        "f1_micro": score.micro,
        "f1_macro": score.macro,
        "f1_weighted": score.weighted,
        "f1_samples": score.samples,
        "accuracy": score.accuracy,
        "unparsed": score.unparsed,
    }
    rows = [
        {"relations": list(pair.gold.relations), "label": label, "correct": label in wanted}
        for pair, label, wanted in zip(pairs, labels, gold, strict=True)
    ]
    return Measured(numbers, rows)


def bleu_of_task2(pairs: Sequence[Pair], tokens: Tokenized) -> Measured:
    """Return BLEU-4 with the best reference of each row, and the corpus with all references."""
    hypotheses = [_one_answer(pair, tokens) for pair in pairs]
    references = [_references(pair, tokens) for pair in pairs]
    by_reference = bleu4_by_reference(hypotheses, references)
    together = score_bleu4(hypotheses, references)
    rows = [
        {"bleu4": max(values), "bleu4_by_reference": values, "bleu4_all_references": whole}
        for values, whole in zip(by_reference, together.sentences, strict=True)
    ]
    best = fmean(max(values) for values in by_reference)
    return Measured({"bleu4": best, "bleu4_coco": together.corpus}, rows)


def spice_of_task2(pairs: Sequence[Pair], tokens: Tokenized, score: ScoreCases) -> Measured:
    """Return SPICE with the best reference of each row, and with all references merged."""
    cases: list[SpiceCase] = []
    for pair in pairs:
        sentence = " ".join(_one_answer(pair, tokens))
        references = tuple(" ".join(words) for words in _references(pair, tokens))
        cases.extend(SpiceCase(sentence, (reference,)) for reference in references)
        cases.append(SpiceCase(sentence, references))
    values = iter(score(cases))
    rows: list[dict[str, Any]] = []
    for pair in pairs:
        each = [next(values) for _ in pair.gold.references]
        merged = next(values)
        rows.append({"spice": max(each), "spice_by_reference": each, "spice_merged": merged})
    numbers = {
        "spice": fmean(row["spice"] for row in rows),
        "spice_coco": fmean(row["spice_merged"] for row in rows),
    }
    return Measured(numbers, rows)


def bleu_of_task3(pairs: Sequence[Pair], tokens: Tokenized) -> Measured:
    """Return mBLEU-4: how alike the three sentences of each row are, and the corpus reading."""
    answers = [_answers(pair) for pair in pairs]
    triples = [[tokens[text] for text in texts] for texts in answers if texts]
    scored = score_mbleu4(triples) if triples else None
    items = iter(scored.items if scored else ())
    sentences = iter(scored.sentences if scored else ())
    rows: list[dict[str, Any]] = [
        {"mbleu4": next(items), "mbleu4_by_sentence": next(sentences)}
        if texts
        else {"mbleu4": WORST_MBLEU4, "mbleu4_by_sentence": [WORST_MBLEU4] * 3}
        for texts in answers
    ]
    silent = (len(pairs) - len(triples)) / len(pairs)
    corpus = (1 - silent) * (scored.corpus if scored else 0) + silent * WORST_MBLEU4
    return Measured({"mbleu4": fmean(row["mbleu4"] for row in rows), "mbleu4_corpus": corpus}, rows)


def spice_of_task3(pairs: Sequence[Pair], tokens: Tokenized, score: ScoreCases) -> Measured:
    """Return SPICE of the three sentences, each with its best reference, then their mean."""
    answers = [_answers(pair) or ("", "", "") for pair in pairs]
    cases = [
        SpiceCase(" ".join(tokens.get(text, [])), (" ".join(words),))
        for pair, texts in zip(pairs, answers, strict=True)
        for text in texts
        for words in _references(pair, tokens)
    ]
    values = iter(score(cases))
    rows: list[dict[str, Any]] = []
    for pair, texts in zip(pairs, answers, strict=True):
        best = [max([next(values) for _ in pair.gold.references]) for _ in texts]
        rows.append({"spice": fmean(best), "spice_by_sentence": best})
    return Measured({"spice": fmean(row["spice"] for row in rows)}, rows)


def _label(pair: Pair) -> str | None:
    if not isinstance(pair.answer, str):
        return None
    try:
        return parse_relation(pair.answer)
    except DataError:
        return None


def _answers(pair: Pair) -> tuple[str, ...]:
    answer = pair.answer
    if answer is None:
        return ()
    return answer if isinstance(answer, tuple) else (answer,)


def _one_answer(pair: Pair, tokens: Tokenized) -> list[str]:
    return [word for text in _answers(pair) for word in tokens[text]]


def _references(pair: Pair, tokens: Tokenized) -> list[list[str]]:
    return [tokens[text] for text in pair.gold.references]
