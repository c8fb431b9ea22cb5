"""What is wrong with predictions: by relation, by what the sentences say, by sentence pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import Any

from vsdkit.data.records import GoldRow
from vsdkit.data.relations import RELATIONS
from vsdkit.formats.align import AlignedRow
from vsdkit.metrics import score_bleu4
from vsdkit.score.diagnosis.confusion import confuse, count_relations
from vsdkit.score.diagnosis.report import Diagnosis
from vsdkit.score.diagnosis.sides import count_sides, sides_agree
from vsdkit.score.diagnosis.statements import (
    Sentence,
    StatementCounts,
    count_statements,
    read_sentence,
)

__all__ = ["diagnose"]

_SENTENCE_TASKS = (2, 3)


def diagnose(
    rows: Mapping[int, Sequence[AlignedRow]], tokens: Mapping[str, Sequence[str]] | None = None
) -> Diagnosis:
    """Return what is wrong with the predictions.

    Args:
        rows: Of each task that is scored, gold rows with their predictions.
        tokens: PTB tokens of each sentence of task 3; None where no Java could run, then there
            is no mBLEU-4 by sentence pair.
    """
    facts: dict[int, list[dict[str, Any]]] = {
        task: [_common_facts(row.gold) for row in of_task] for task, of_task in rows.items()
    }
    statements: dict[int, StatementCounts] = {}
    by_relation: dict[int, dict[str, StatementCounts]] = {}
    for task in (task for task in _SENTENCE_TASKS if task in rows):
        read = [_read_answer(row) for row in rows[task]]
        statements[task] = count_statements(one for of_row in read for one in of_row)
        by_relation[task] = _count_by_relation(rows[task], read)
        for fact, of_row in zip(facts[task], read, strict=True):
            fact.update(_sentence_facts(of_row, task))
    by_pair = None
    if 3 in rows and tokens is not None:
        by_pair = _mbleu4_by_pair(rows[3], tokens, facts[3])
    named = rows.get(1, ())
    labels = [row.label for row in named]
    return Diagnosis(
        relations=count_relations(named, labels),
        confusion=confuse(named, labels),
        sides=count_sides(
            {row.gold.id: row.gold for of_task in rows.values() for row in of_task},
            {row.gold.id: label for row, label in zip(named, labels, strict=True)},
        ),
        statements=statements,
        by_relation=by_relation,
        mbleu4_by_pair=by_pair,
        rows=facts,
    )


def _common_facts(gold: GoldRow) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "subject": gold.subject,
        "object": gold.object,
        "relations": list(gold.relations),
    }
    if gold.references:
        facts["references"] = list(gold.references)
    if (agree := sides_agree(gold)) is not None:
        facts["boxes_agree"] = agree
    return facts


def _read_answer(row: AlignedRow) -> list[Sentence]:
    silence = [Sentence()] * (3 if row.gold.task == 3 else 1)
    return [read_sentence(text, row.gold) for text in row.answers] or silence


def _sentence_facts(read: Sequence[Sentence], task: int) -> dict[str, Any]:
    names = ("subject_named", "object_named", "stated", "phrase", "strict", "agrees")
    values = {name: [getattr(one, name) for one in read] for name in names}
    return values if task == 3 else {name: one[0] for name, one in values.items()}


def _count_by_relation(
    rows: Sequence[AlignedRow], read: Sequence[Sequence[Sentence]]
) -> dict[str, StatementCounts]:
    sentences: dict[str, list[Sentence]] = {relation: [] for relation in RELATIONS}
    for row, of_row in zip(rows, read, strict=True):
        if row.gold.relations:
            sentences[row.gold.relations[0]].extend(of_row)
    return {relation: count_statements(said) for relation, said in sentences.items()}


def _mbleu4_by_pair(
    rows: Sequence[AlignedRow], tokens: Mapping[str, Sequence[str]], facts: Sequence[dict[str, Any]]
) -> dict[str, float] | None:
    answered = [
        (fact, [tokens[text] for text in row.answers])
        for fact, row in zip(facts, rows, strict=True)
        if row.answers
    ]
    if not answered:
        return None
    means: dict[str, float] = {}
    for one, other in combinations(range(3), 2):
        name = f"{one + 1}-{other + 1}"
        first, second = ([texts[place] for _, texts in answered] for place in (one, other))
        # BLEU is not symmetric: precision is the hypothesis's, brevity the reference's.
        forth = score_bleu4(first, [[text] for text in second]).sentences
        back = score_bleu4(second, [[text] for text in first]).sentences
        values = [fmean(both) for both in zip(forth, back, strict=True)]
        for (fact, _), value in zip(answered, values, strict=True):
            fact.setdefault("mbleu4_by_pair", {})[name] = value
        means[name] = fmean(values)
    return means
