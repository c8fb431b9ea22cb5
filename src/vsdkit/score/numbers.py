"""Every number of ``vsdkit score``, declared once, in the order in which they are printed.

Values, signatures, tables, headline, baselines, comparison, intervals and the worst rows derive
from these declarations. A further number that is a mean over rows is a pure function in
``vsdkit.metrics`` and one ``of_sentences(...)`` in ``NUMBERS``.
"""

from __future__ import annotations

from typing import Any

from vsdkit.metrics import overall, score_cider, score_rouge_l, z2, z3
from vsdkit.metrics.overall import BEST_MBLEU4_BASE
from vsdkit.score import measure
from vsdkit.score.declared import Declared, Metric, Number, Total

__all__ = [
    "NUMBERS",
    "OVERALL",
    "TASK_TOTALS",
    "all_declared",
    "headline_of",
    "of_sentences",
    "parts_of",
    "task_parts",
    "wanted",
    "wanted_of_captions",
]

_TOKENS = "tok:ptb-3.4.1|case:lower"
_PACKAGE = "pycocoevalcap:{pycocoevalcap}|{version}"
_OF_BLEU = f"smooth:none|length:closest|{_TOKENS}|{_PACKAGE}"
_OF_CAPTIONS = f"{_TOKENS}|{_PACKAGE}"

# Metrics and the part of the signature that all their numbers share. What is known only after a
# run (versions, the hash of SPICE's jars) stands in braces.
_RELATIONS = Metric(
    measure.relations, "labels", "labels:{labels}|unit:image+subject+object|gold:set|{version}"
)
_BLEU = Metric(measure.bleu, "tokens", _OF_BLEU)
_MBLEU = Metric(measure.mbleu, "tokens", _OF_BLEU)
_SPICE = Metric(
    measure.spice,
    "spice",
    "spice:1.0|corenlp:3.6.0|jars:{jars}|java:{java}|longest:{longest} words|"
    f"{_TOKENS}|{{version}}",
)
_SPICE_PARTS = Metric(measure.spice_parts, "spice", _SPICE.shared)
_METEOR = Metric(measure.meteor, "meteor", _OF_CAPTIONS)


def of_sentences(
    name: str,
    score: measure.SentenceScore,
    *,
    shared: str = f"{_TOKENS}|{{version}}",
    silence: float | None = None,
    **facts: Any,
) -> Number:
    """Return the declaration of a number that is the mean over rows of a pure function.

    Args:
        name: Its name, in ``--json`` and in ``--items``.
        score: The function, of tokenised sentences and the references of each; of the three
            sentences of task 3 a row has the mean.
        shared: The part of the signature that it shares with others.
        silence: Value of a row without an answer; 0 where higher is better.
        facts: The other fields of ``Number``.

    Raises:
        ValueError: If lower is better and nothing is said of silence, which 0 would reward.
    """
    if silence is None and facts.get("better") == "lower":
        raise ValueError(f"{name}: lower is better, so say what a row without an answer is worth")
    measured = measure.mean_of_sentences(name, score, silence=silence or 0.0)
    return Number(name=name, metric=Metric(measured, "tokens", shared), **facts)


def _of_relations(name: str, title: str, own: str, **facts: Any) -> Number:
    return Number(
        name=name,
        task=1,
        title=title,
        metric=_RELATIONS,
        own=own,
        row="correct",
        corpus=name,
        **facts,
    )


def _bleu_of_captions(order: int, **facts: Any) -> Number:
    return Number(
        name=f"bleu{order}",
        task=2,
        title=f"BLEU-{order}",
        metric=_BLEU,
        own=f"refs:all|corpus|order:{order}",
        corpus=f"corpus_bleu{order}",
        captions=True,
        **facts,
    )


def _of_tuples(task: int) -> tuple[Number, ...]:
    each = "mean of 3, then " if task == 3 else "mean of "
    return tuple(
        Number(
            name=f"spice_{kind.lower()}",
            task=task,
            title=f"SPICE {kind.lower()}",
            metric=_SPICE_PARTS,
            own=f"refs:merged|tuples:{kind}|{each}items whose references have any",
            corpus=f"spice_{kind.lower()}",
            sub_score=True,
        )
        for kind in measure.SPICE_KINDS
    )


NUMBERS: tuple[Number, ...] = (
    _of_relations("f1_micro", "F1 micro", "average:micro", column="F1", readings=("paper", "coco")),
    _of_relations("f1_macro", "F1 macro", "average:macro over labels that occur"),
    _of_relations("f1_weighted", "F1 weighted", "average:weighted by gold"),
    _of_relations("f1_samples", "F1 samples", "average:samples"),
    _of_relations("accuracy", "accuracy", "label among the gold ones"),
    Number(
        name="bleu4",
        task=2,
        title="BLEU-4",
        metric=_BLEU,
        own="refs:each, maximum|mean of items",
        column="BLEU-4",
        readings=("paper",),
    ),
    Number(
        name="spice",
        task=2,
        title="SPICE",
        metric=_SPICE,
        own="refs:each, maximum|mean of items",
        column="SPICE 2",
        readings=("paper",),
    ),
    Number(
        name="bleu4_coco",
        task=2,
        title="BLEU-4 coco",
        metric=_BLEU,
        own="refs:all|corpus",
        row="bleu4_all_references",
        corpus="corpus_bleu4",
        readings=("coco",),
    ),
    Number(
        name="spice_coco",
        task=2,
        title="SPICE coco",
        metric=_SPICE,
        own="refs:merged|mean of items",
        row="spice_merged",
        readings=("coco",),
    ),
    *_of_tuples(2),
    Number(
        name="mbleu4",
        task=3,
        title="mBLEU-4",
        metric=_MBLEU,
        own="refs:the other two|mean of 3, then items",
        # How alike the three sentences are: diversity is what task 3 asks for.
        better="lower",
        column="mBLEU-4",
        readings=("paper",),
    ),
    Number(
        name="mbleu4_corpus",
        task=3,
        title="mBLEU-4 corpus",
        metric=_MBLEU,
        own="refs:the other two|corpus by position, mean of 3",
        corpus="corpus_mbleu4",
        better="lower",
        readings=("coco",),
    ),
    Number(
        name="spice",
        task=3,
        title="SPICE",
        metric=_SPICE,
        own="refs:each, maximum|mean of 3, then items",
        column="SPICE 3",
        readings=("paper",),
    ),
    Number(
        name="spice_coco",
        task=3,
        title="SPICE coco",
        metric=_SPICE,
        own="refs:merged|mean of 3, then items",
        row="spice_merged",
        readings=("coco",),
    ),
    *_of_tuples(3),
    # The row that VSD's papers of 2022 and 2023 print, in its order; BLEU-4 and SPICE of it are the
    # coco reading of task 2 under other names.
    _bleu_of_captions(1),
    _bleu_of_captions(2),
    _bleu_of_captions(3),
    _bleu_of_captions(4, row="bleu4_all_references", repeats=True),
    Number(
        name="meteor",
        task=2,
        title="METEOR",
        metric=_METEOR,
        own="refs:best|corpus|meteor:1.5 en norm|java:{java}"
        "|interval:the jar on resampled statistics",
        corpus="corpus_meteor",
        captions=True,
    ),
    of_sentences(
        "rouge_l",
        score_rouge_l,
        task=2,
        title="ROUGE-L",
        own="refs:best precision, best recall|mean of items|beta:1.2",
        shared=_OF_CAPTIONS,
        captions=True,
    ),
    of_sentences(
        "cider",
        score_cider,
        task=2,
        title="CIDEr",
        own="refs:all|mean of items|n:4|sigma:6|df:the references scored against"
        "|interval:df as it is",
        shared=_OF_CAPTIONS,
        captions=True,
    ),
    Number(
        name="spice",
        task=2,
        title="SPICE",
        metric=_SPICE,
        own="refs:merged|mean of items",
        row="spice_merged",
        captions=True,
        repeats=True,
    ),
)

# F1 has one reading, so it stands in both.
_F1 = "micro-F1 over (image, subject, object) pairs; gold a set, the prediction one label"

TASK_TOTALS: tuple[Total, ...] = (
    Total(
        key="z1",
        task=1,
        combine=lambda f1: f1,
        formula="task 1 {}",
        told={"paper": _F1, "coco": _F1},
    ),
    Total(
        key="z2",
        task=2,
        combine=z2,
        formula="0.4 {} + 0.6 {}",
        told={
            "paper": "BLEU-4 and SPICE against each reference, each maximum on its own, mean over "
            "items",
            "coco": "BLEU-4 of the corpus with all references; SPICE with the references merged, "
            "mean over items",
        },
    ),
    Total(
        key="z3",
        task=3,
        combine=z3,
        formula=f"0.5 ({BEST_MBLEU4_BASE} - {{}}) + 0.5 {{}}",
        told={
            "paper": "mBLEU-4 of each sentence against the other two, un-smoothed; SPICE of each "
            "sentence with its best reference; means over sentences, then items",
            "coco": "corpus BLEU-4 of each sentence against the other two, mean over positions; "
            "SPICE of each sentence with the references merged, means over sentences, then items",
        },
    ),
)
OVERALL = Total(key="overall", combine=overall, formula="0.2 {} + 0.3 {} + 0.5 {}", told={})


def wanted(*, captions: bool = False, sub_scores: bool = False) -> list[Number]:
    """Return the numbers of a scoring of VSD.

    Args:
        captions: Whether those of caption papers are among them.
        sub_scores: Whether SPICE's sub-scores are.
    """
    return [
        number
        for number in NUMBERS
        if (captions or not number.captions) and (sub_scores or not number.sub_score)
    ]


def wanted_of_captions() -> list[Number]:
    """Return the numbers of a scoring of plain captions: those of caption papers, sub-scores."""
    of_captions = [number for number in NUMBERS if number.captions]
    return [*of_captions, *(one for one in NUMBERS if one.sub_score and one.task == 2)]


def all_declared() -> list[Declared]:
    """Return every total and number, the overall first."""
    return [OVERALL, *TASK_TOTALS, *NUMBERS]


def task_parts(total: Total, reading: str) -> list[Number]:
    """Return the numbers that a task's total is made of in a reading."""
    return [
        number for number in NUMBERS if number.task == total.task and reading in number.readings
    ]


def parts_of(total: Total, reading: str) -> list[Declared]:
    """Return what a total is made of in a reading, in the order of its formula."""
    return [*(TASK_TOTALS if total.task is None else task_parts(total, reading))]


def headline_of(reading: str) -> list[Declared]:
    """Return what is told first: the totals, then what the tasks' totals are made of."""
    parts = (part for total in TASK_TOTALS for part in parts_of(total, reading))
    return [OVERALL, *TASK_TOTALS, *parts]
