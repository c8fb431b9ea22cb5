"""Measures: one pass over the rows of a task that gives one number or several of one kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from vsdkit.data.relations import RELATIONS
from vsdkit.formats.align import AlignedRow
from vsdkit.jvm import MeteorScore, SpiceCase, SpiceMatches, SpiceParts
from vsdkit.metrics import (
    BLEU_COLUMNS,
    CORPUS_VALUES,
    WORST_MBLEU4,
    RowStatistics,
    bleu4_readings,
    relation_statistics,
    score_mbleu4,
    score_relations,
)

__all__ = [
    "F1_OF",
    "SPICE_KINDS",
    "Evidence",
    "Measure",
    "Measured",
    "SentenceScore",
    "bleu",
    "mbleu",
    "mean_of_sentences",
    "meteor",
    "relations",
    "spice",
    "spice_cases",
    "spice_merged_cases",
    "spice_parts",
    "spice_texts",
]

Tokens = Sequence[str]
SentenceScore = Callable[[Sequence[Tokens], Sequence[Sequence[Tokens]]], list[float]]
"""A pure function: of tokenised sentences, and of each its references, the value of each."""


F1_OF = {relation: f"f1 of {relation}" for relation in RELATIONS}
"""Relation to the name of its F1 among the resampled values."""

SPICE_KINDS = ("Object", "Attribute", "Relation", "Color", "Size", "Cardinality")
"""Kinds of tuples that SPICE scores apart, as the published program names them."""


@dataclass(frozen=True)
class Evidence:
    """What Java found out about the sentences of all systems, for measures that need it."""

    tokens: Mapping[str, list[str]] = field(default_factory=dict)
    """PTB tokens of each sentence."""
    spice: Mapping[SpiceCase, float] = field(default_factory=dict)
    """SPICE of each case, 0 to 100."""
    spice_parts: Mapping[SpiceCase, SpiceParts] = field(default_factory=dict)
    """Sub-scores of each case with merged references, if they are wanted."""
    spice_matches: Mapping[SpiceCase, SpiceMatches] = field(default_factory=dict)
    """Which tuples of some cases matched, if they are wanted."""
    meteor: MeteorScore | None = None
    """METEOR of one system's answers to task 2."""
    resampled_meteor: Sequence[float] | None = None
    """The same of each resample; None without resamples."""


@dataclass(frozen=True)
class Measured:
    """What a measure found out about the rows of a task."""

    rows: Sequence[Mapping[str, Any]]
    """Of each row its own values, as ``--items`` writes them."""
    corpus: Mapping[str, float | None] = field(default_factory=dict)
    """Values of all rows together that are no mean of the rows' own; None where there is none."""
    statistics: RowStatistics | None = None
    """Sufficient statistics of the rows for ``corpus``."""
    resampled: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Values of ``corpus`` in each resample, where no row statistics give them."""


Measure = Callable[[Sequence[AlignedRow], Evidence], Measured]


def mean_of_sentences(name: str, score: SentenceScore, *, silence: float) -> Measure:
    """Return the measure whose row value is the mean of a pure function over its sentences.

    Args:
        name: Of the value in ``--items``.
        score: Gets every sentence of all rows, each with all references of its row; a sentence
            without a word stands for a row without an answer.
        silence: Value of a sentence without a word, in place of what the function says of it.
    """

    def measure(rows: Sequence[AlignedRow], evidence: Evidence) -> Measured:
        said = [row.words(evidence.tokens) for row in rows]
        cases = [(one, references) for sentences, references in said for one in sentences]
        # Silent rows are among the sentences all the same: CIDEr counts over all references.
        scored = score([one for one, _ in cases], [references for _, references in cases])
        values = [
            value if words else silence for (words, _), value in zip(cases, scored, strict=True)
        ]
        # Every row of a task has the same number of sentences: one, or three.
        size = len(said[0][0])
        of_rows = [values[start : start + size] for start in range(0, len(values), size)]
        return Measured([{name: fmean(of_row)} for of_row in of_rows])

    return measure


def relations(rows: Sequence[AlignedRow], evidence: Evidence) -> Measured:  # noqa: ARG001
    """Measure the labels of task 1; one that is none of the nine counts as none."""
    labels = [row.label for row in rows]
    gold = [frozenset(row.gold.relations) for row in rows]
    score = score_relations(gold, labels)
    averages = (score.micro, score.macro, score.weighted, score.samples, score.accuracy)
    return Measured(
        rows=[
            {"relations": list(row.gold.relations), "label": label, "correct": label in wanted}
            for row, label, wanted in zip(rows, labels, gold, strict=True)
        ],
        corpus=dict(zip(CORPUS_VALUES["f1"], averages, strict=True)),
        statistics=RowStatistics(
            "f1",
            (*CORPUS_VALUES["f1"], *F1_OF.values()),
            relation_statistics(gold, labels, RELATIONS),
        ),
    )


def bleu(rows: Sequence[AlignedRow], evidence: Evidence) -> Measured:
    """Measure BLEU-4 of task 2: the best reference of each row, the corpus with all of them."""
    said = [row.words(evidence.tokens) for row in rows]
    # Un-smoothed BLEU-4 of one sentence is noisy; the challenge takes its best reference all the
    # same, and caption papers count n-grams of the whole corpus instead. Both are measured.
    by_reference, together = bleu4_readings(
        [sentence for (sentence,), _ in said], [references for _, references in said]
    )
    return Measured(
        rows=[
            {"bleu4": max(values), "bleu4_by_reference": values, "bleu4_all_references": whole}
            for values, whole in zip(by_reference, together.sentences, strict=True)
        ],
        corpus=dict(zip(CORPUS_VALUES["bleu"], together.orders, strict=True)),
        statistics=RowStatistics("bleu", CORPUS_VALUES["bleu"], together.statistics),
    )


def mbleu(rows: Sequence[AlignedRow], evidence: Evidence) -> Measured:
    """Measure mBLEU-4 of task 3: of each row its three sentences, and the corpus reading.

    A row without an answer has no n-grams to count: it takes ``WORST_MBLEU4``, and its share of
    the rows takes that in the corpus reading as well.
    """
    answered = [row.answers for row in rows if row.answers]
    triples = [[evidence.tokens[text] for text in texts] for texts in answered]
    scored = score_mbleu4(triples) if triples else None
    silence: dict[str, Any] = {"mbleu4": WORST_MBLEU4, "mbleu4_by_sentence": [WORST_MBLEU4] * 3}
    of_answer: dict[tuple[str, ...], dict[str, Any]] = {(): silence}
    # 3 x (4 matches + 4 totals + 2 lengths), then what a row without an answer adds to the mean.
    counts: dict[tuple[str, ...], tuple[float, ...]] = {
        (): (*(0,) * (3 * BLEU_COLUMNS), WORST_MBLEU4)
    }
    if scored is not None:
        # By what was answered: equal answers have equal values.
        of_answer |= {
            texts: {"mbleu4": value, "mbleu4_by_sentence": values}
            for texts, value, values in zip(answered, scored.items, scored.sentences, strict=True)
        }
        counts |= {
            texts: (*statistics, 0)
            for texts, statistics in zip(answered, scored.statistics, strict=True)
        }
    # Corpus BLEU of a position counts n-grams, and silence has none: left alone it would drop out
    # of the corpus reading, and answering less would pay.
    silent = (len(rows) - len(answered)) / len(rows)
    corpus = (1 - silent) * (scored.corpus if scored else 0) + silent * WORST_MBLEU4
    return Measured(
        rows=[of_answer[row.answers] for row in rows],
        corpus=dict.fromkeys(CORPUS_VALUES["mbleu"], corpus),
        statistics=RowStatistics(
            "mbleu", CORPUS_VALUES["mbleu"], [counts[row.answers] for row in rows]
        ),
    )


def spice_cases(rows: Iterable[AlignedRow], evidence: Evidence) -> Iterator[SpiceCase]:
    """Yield what ``spice`` looks up: each sentence with each reference alone, and with all."""
    for row in rows:
        sentences, references = spice_texts(row, evidence)
        for sentence in sentences:
            yield from SpiceCase.alone(sentence, references)
            yield SpiceCase(sentence, references)


def spice_merged_cases(rows: Iterable[AlignedRow], evidence: Evidence) -> Iterator[SpiceCase]:
    """Yield what ``spice_parts`` looks up: each sentence with all its references merged."""
    for row in rows:
        sentences, references = spice_texts(row, evidence)
        for sentence in sentences:
            yield SpiceCase(sentence, references)


def spice_parts(rows: Sequence[AlignedRow], evidence: Evidence) -> Measured:
    """Measure SPICE of each kind of tuple alone, references merged, as the published program does.

    A row whose references have no tuple of a kind has no value of it, and counts for nothing in
    its mean.
    """
    names = {kind: f"spice_{kind.lower()}" for kind in SPICE_KINDS}
    of_rows: list[dict[str, float | None]] = []
    for row in rows:
        cases = list(spice_merged_cases([row], evidence))
        found = [evidence.spice_parts[case] for case in cases]
        of_rows.append(
            {
                name: _mean_of_known(_percent(parts[kind]["f"]) for parts in found)
                for kind, name in names.items()
            }
        )
    # Of each kind the value and a count of 1, or two zeros: what the mean of the known sums up.
    statistics = [
        [
            part
            for value in of_row.values()
            for part in ((0.0, 0.0) if value is None else (value, 1.0))
        ]
        for of_row in of_rows
    ]
    return Measured(
        rows=of_rows,
        corpus={name: _mean_of_known(row[name] for row in of_rows) for name in names.values()},
        statistics=RowStatistics("mean of known", tuple(names.values()), statistics),
    )


def spice(rows: Sequence[AlignedRow], evidence: Evidence) -> Measured:
    """Measure SPICE of tasks 2 and 3: the best reference of each sentence, and all merged.

    Of three sentences a row has the mean.
    """
    return Measured([_spice_of_row(row, evidence) for row in rows])


def meteor(rows: Sequence[AlignedRow], evidence: Evidence) -> Measured:  # noqa: ARG001
    """Hand on METEOR of task 2, which its own process has measured and resampled."""
    score = evidence.meteor
    assert score is not None
    resampled = evidence.resampled_meteor
    return Measured(
        rows=[{"meteor": value} for value in score.sentences],
        corpus={"corpus_meteor": score.corpus},
        resampled={} if resampled is None else {"corpus_meteor": resampled},
    )


def spice_texts(row: AlignedRow, evidence: Evidence) -> tuple[list[str], tuple[str, ...]]:
    """Return the sentences of a row and its references as SPICE is given them."""
    sentences, references = row.words(evidence.tokens)
    return [" ".join(words) for words in sentences], tuple(" ".join(words) for words in references)


def _spice_of_row(row: AlignedRow, evidence: Evidence) -> dict[str, Any]:
    sentences, references = spice_texts(row, evidence)
    each = [
        [evidence.spice[case] for case in SpiceCase.alone(sentence, references)]
        for sentence in sentences
    ]
    merged = [evidence.spice[SpiceCase(sentence, references)] for sentence in sentences]
    # Each maximum on its own: SPICE's best reference need not be BLEU's.
    best = [max(values) for values in each]
    parts = {"spice_by_reference": each[0]} if row.gold.task == 2 else {"spice_by_sentence": best}
    return {"spice": fmean(best), **parts, "spice_merged": fmean(merged)}


def _mean_of_known(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are known; None where none is."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value
