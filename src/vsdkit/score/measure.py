"""The numbers of each task, and of each row, from aligned predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from vsdkit.data.relations import RELATIONS
from vsdkit.jvm import SpiceCase
from vsdkit.metrics import (
    RowStatistics,
    bleu4_readings,
    count_labels,
    score_cider,
    score_mbleu4,
    score_relations,
    score_rouge_l,
)
from vsdkit.score.align import Pair

__all__ = [
    "WORST_MBLEU4",
    "Measured",
    "bleu_of_task2",
    "bleu_of_task3",
    "captions_of_task2",
    "cases_of_task2",
    "cases_of_task3",
    "one_answer",
    "references_of",
    "relations_of_task1",
    "sentences_of",
    "spice_of_task2",
    "spice_of_task3",
]

WORST_MBLEU4 = 100.0
"""mBLEU-4 of a row without an answer: lower is better, and silence must not be rewarded."""

_VALUES_OF_THREE = 30
"""Of three sentences the counts that corpus BLEU-4 is summed from."""

Tokenized = Mapping[str, list[str]]
ScoreCases = Callable[[Sequence[SpiceCase]], list[float]]


@dataclass(frozen=True)
class Measured:
    """Numbers of a task by name.

    Args:
        numbers: Name to value.
        rows: For each pair of the task the row's own numbers.
        sums: What the numbers are summed from, pair by pair, for error bars.
    """

    numbers: Mapping[str, float | int]
    rows: Sequence[Mapping[str, Any]]
    sums: Sequence[RowStatistics] = ()


def sentences_of(pairs: Iterable[Pair]) -> list[str]:
    """Return each sentence once that the pairs of tasks 2 and 3 are scored by."""
    found: dict[str, None] = {}
    for pair in pairs:
        found.update(dict.fromkeys(pair.gold.references))
        found.update(dict.fromkeys(_answers(pair)))
    return list(found)


def relations_of_task1(pairs: Sequence[Pair]) -> Measured:
    """Return F1 in its averages; a label that is none of the nine counts as unparsed."""
    labels = [pair.label for pair in pairs]
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
    rows: list[dict[str, Any]] = [
        {"relations": list(pair.gold.relations), "label": label, "correct": label in wanted}
        for pair, label, wanted in zip(pairs, labels, gold, strict=True)
    ]
    counts = count_labels(gold, labels, RELATIONS)
    right = [
        # Of one row: F1 is 2 / (1 + number of gold labels) where its label is right.
        (200 / (1 + len(wanted)) if row["correct"] else 0, 100 if row["correct"] else 0)
        for row, wanted in zip(rows, gold, strict=True)
    ]
    sums = (
        RowStatistics("f1", ("f1_micro", "f1_macro", "f1_weighted"), counts),
        RowStatistics("mean", ("f1_samples", "accuracy"), right),
    )
    return Measured(numbers, rows, sums)


def bleu_of_task2(pairs: Sequence[Pair], tokens: Tokenized) -> Measured:
    """Return BLEU-4 with the best reference of each row, and the corpus with all references.

    BLEU-1 to BLEU-3 of the corpus stand beside, as caption papers print them.
    """
    by_reference, together = bleu4_readings(
        [one_answer(pair, tokens) for pair in pairs],
        [references_of(pair, tokens) for pair in pairs],
    )
    rows: list[dict[str, Any]] = [
        {"bleu4": max(values), "bleu4_by_reference": values, "bleu4_all_references": whole}
        for values, whole in zip(by_reference, together.sentences, strict=True)
    ]
    orders = ("bleu1_coco", "bleu2_coco", "bleu3_coco", "bleu4_coco")
    sums = (
        _means(rows, "bleu4"),
        RowStatistics("bleu", orders, together.statistics),
    )
    numbers = {
        "bleu4": fmean(row["bleu4"] for row in rows),
        **dict(zip(orders, together.orders, strict=True)),
    }
    return Measured(numbers, rows, sums)


def captions_of_task2(pairs: Sequence[Pair], tokens: Tokenized) -> Measured:
    """Return ROUGE-L and CIDEr as caption papers print them; METEOR needs a process of its own."""
    hypotheses = [one_answer(pair, tokens) for pair in pairs]
    references = [references_of(pair, tokens) for pair in pairs]
    rouge_l, cider = score_rouge_l(hypotheses, references), score_cider(hypotheses, references)
    rows = [{"rouge_l": one, "cider": two} for one, two in zip(rouge_l, cider, strict=True)]
    return Measured(
        {"rouge_l": fmean(rouge_l), "cider": fmean(cider)},
        rows,
        (_means(rows, "rouge_l", "cider"),),
    )


def cases_of_task2(pairs: Sequence[Pair], tokens: Tokenized) -> list[SpiceCase]:
    """Return what ``spice_of_task2`` wants scored, in its order."""
    cases: list[SpiceCase] = []
    for pair in pairs:
        sentence = " ".join(one_answer(pair, tokens))
        references = tuple(" ".join(words) for words in references_of(pair, tokens))
        cases.extend(SpiceCase(sentence, (reference,)) for reference in references)
        cases.append(SpiceCase(sentence, references))
    return cases


def spice_of_task2(pairs: Sequence[Pair], tokens: Tokenized, score: ScoreCases) -> Measured:
    """Return SPICE with the best reference of each row, and with all references merged."""
    values = iter(score(cases_of_task2(pairs, tokens)))
    rows: list[dict[str, Any]] = []
    for pair in pairs:
        each = [next(values) for _ in pair.gold.references]
        merged = next(values)
        rows.append({"spice": max(each), "spice_by_reference": each, "spice_merged": merged})
    return _spice_measured(rows)


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
    numbers = {"mbleu4": fmean(row["mbleu4"] for row in rows), "mbleu4_corpus": corpus}
    statistics = iter(scored.statistics if scored else ())
    nothing = (0,) * _VALUES_OF_THREE
    counts: list[Sequence[float]] = [
        (*(value for one in next(statistics) for value in one), 0)
        if texts
        else (*nothing, WORST_MBLEU4)
        for texts in answers
    ]
    sums = (_means(rows, "mbleu4"), RowStatistics("mbleu", ("mbleu4_corpus",), counts))
    return Measured(numbers, rows, sums)


def cases_of_task3(pairs: Sequence[Pair], tokens: Tokenized) -> list[SpiceCase]:
    """Return what ``spice_of_task3`` wants scored, in its order."""
    cases: list[SpiceCase] = []
    for pair in pairs:
        references = tuple(" ".join(words) for words in references_of(pair, tokens))
        for text in _three_answers(pair):
            sentence = " ".join(tokens.get(text, []))
            cases.extend(SpiceCase(sentence, (reference,)) for reference in references)
            cases.append(SpiceCase(sentence, references))
    return cases


def spice_of_task3(pairs: Sequence[Pair], tokens: Tokenized, score: ScoreCases) -> Measured:
    """Return SPICE of the three sentences, then their mean, in both readings of references."""
    values = iter(score(cases_of_task3(pairs, tokens)))
    rows: list[dict[str, Any]] = []
    for pair in pairs:
        best: list[float] = []
        merged: list[float] = []
        for _ in _three_answers(pair):
            best.append(max([next(values) for _ in pair.gold.references]))
            merged.append(next(values))
        rows.append(
            {"spice": fmean(best), "spice_by_sentence": best, "spice_merged": fmean(merged)}
        )
    return _spice_measured(rows)


def _spice_measured(rows: Sequence[Mapping[str, Any]]) -> Measured:
    numbers = {
        "spice": fmean(row["spice"] for row in rows),
        "spice_coco": fmean(row["spice_merged"] for row in rows),
    }
    values = [(row["spice"], row["spice_merged"]) for row in rows]
    return Measured(numbers, rows, (RowStatistics("mean", tuple(numbers), values),))


def _means(rows: Sequence[Mapping[str, Any]], *names: str) -> RowStatistics:
    return RowStatistics("mean", names, [[row[name] for name in names] for row in rows])


def _three_answers(pair: Pair) -> tuple[str, ...]:
    return _answers(pair) or ("", "", "")


def _answers(pair: Pair) -> tuple[str, ...]:
    answer = pair.answer
    if answer is None:
        return ()
    return answer if isinstance(answer, tuple) else (answer,)


def one_answer(pair: Pair, tokens: Tokenized) -> list[str]:
    """Return the words of the answer, none where there is no answer."""
    return [word for text in _answers(pair) for word in tokens[text]]


def references_of(pair: Pair, tokens: Tokenized) -> list[list[str]]:
    """Return the words of each reference."""
    return [tokens[text] for text in pair.gold.references]
