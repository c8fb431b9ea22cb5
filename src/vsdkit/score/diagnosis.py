"""What is wrong with predictions: by relation, by what the sentences say, by sentence pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from statistics import fmean
from typing import Any

from vsdkit.data.records import GoldRow
from vsdkit.data.relations import RELATIONS, short_form
from vsdkit.metrics import score_bleu4
from vsdkit.reporting import Table
from vsdkit.score.align import Pair
from vsdkit.score.confusion import (
    NO_LABEL,
    RelationCounts,
    SideCounts,
    confuse,
    count_relations,
    count_sides,
    sides_agree,
)
from vsdkit.score.statements import Sentence, StatementCounts, count_statements, read_sentence

__all__ = ["Diagnosis", "diagnose"]

_SENTENCE_TASKS = (2, 3)


@dataclass(frozen=True)
class Diagnosis:
    """What ``diagnose`` found; a task that was not scored is in none of its parts.

    Args:
        relations: Task 1 by relation, in the order of the paper's question.
        confusion: Rows of task 1: gold relation to predicted label (or ``NO_LABEL``) to count.
        sides: Gold left and right against the boxes.
        statements: What the sentences of a task say.
        by_relation: The same for the rows of each first gold relation.
        mbleu4_by_pair: BLEU-4 of two sentences of a row against each other, "1-2", "1-3" and
            "2-3", mean of both directions, then of rows; None where it could not be computed.
        rows: Of each task, the facts of every pair, in the order given: what ``--items`` writes.
    """

    relations: Sequence[RelationCounts] = ()
    confusion: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    sides: Sequence[SideCounts] = ()
    statements: Mapping[int, StatementCounts] = field(default_factory=dict)
    by_relation: Mapping[int, Mapping[str, StatementCounts]] = field(default_factory=dict)
    mbleu4_by_pair: Mapping[str, float] | None = None
    rows: Mapping[int, Sequence[Mapping[str, Any]]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the diagnosis as ``score --json`` prints it, without the single rows."""
        found: dict[str, Any] = {
            "left_right": {one.relation: asdict(one) for one in self.sides if one.pairs}
        }
        if self.relations:
            found["task1"] = {
                "by_relation": {one.relation: asdict(one) for one in self.relations},
                "confusion": {gold: dict(row) for gold, row in self.confusion.items()},
            }
        for task, counts in self.statements.items():
            by_relation = {name: one.to_dict() for name, one in self.by_relation[task].items()}
            found[f"task{task}"] = {"statements": counts.to_dict(), "by_relation": by_relation}
        if 3 in self.statements:
            pairs = self.mbleu4_by_pair
            found["task3"]["mbleu4_by_pair"] = None if pairs is None else dict(pairs)
        return found

    def tables(self) -> list[Table]:
        """Return the tables to print, those without a row left out."""
        tables = [
            self._relation_table(),
            self._confusion_table(),
            self._side_table(),
            *(self._statement_table(task) for task in self.statements),
            Table(
                ("sentences", "mBLEU-4"),
                [(name, _percent(one)) for name, one in (self.mbleu4_by_pair or {}).items()],
                title="task 3: mBLEU-4 by sentence pair (lower is more diverse)",
            ),
        ]
        return [table for table in tables if table.rows]

    def _relation_table(self) -> Table:
        counts, shares = ("gold", "predicted", "correct"), ("precision", "recall", "f1")
        return Table(
            ("relation", *counts, *shares),
            [
                (
                    one.relation,
                    *(getattr(one, name) for name in counts),
                    *(_percent(getattr(one, name)) for name in shares),
                )
                for one in self.relations
                if one.gold or one.predicted
            ],
            title="task 1 by relation",
        )

    def _confusion_table(self) -> Table:
        labels = (*RELATIONS, NO_LABEL)
        return Table(
            ("gold", *(short_form(label) for label in labels)),
            [
                (short_form(gold), *(row[label] for label in labels))
                for gold, row in self.confusion.items()
            ],
            title="task 1: gold (down) and predicted (across)",
        )

    def _side_table(self) -> Table:
        names = ("pairs", "disagree", "correct_agreeing", "correct_disagreeing")
        return Table(
            ("relation", "pairs", "disagree", "correct, agree", "correct, disagree", "disagree %"),
            [
                (
                    one.relation,
                    *(getattr(one, name) for name in names),
                    _percent(100 * one.disagree / one.pairs),
                )
                for one in self.sides
                if one.pairs
            ],
            title="gold left and right against the centres of the boxes",
        )

    def _statement_table(self, task: int) -> Table:
        names = ("both_named", "stated", "phrase", "strict", "agrees")
        lines = {**self.by_relation[task], "all": self.statements[task]}
        return Table(
            (
                *("gold", "count", "both named", "relation stated"),
                *("gold phrase", "gold, strict", "gold or converse", "most often instead"),
            ),
            [
                (
                    name,
                    one.sentences,
                    *(_percent(one.percent(part)) for part in names),
                    _commonest(one),
                )
                for name, one in lines.items()
                if one.sentences
            ],
            title=f"task {task}: what the sentences say, in % of sentences",
        )


def diagnose(
    pairs: Mapping[int, Sequence[Pair]], tokens: Mapping[str, Sequence[str]] | None = None
) -> Diagnosis:
    """Return what is wrong with the predictions.

    Args:
        pairs: Of each task that is scored, gold rows with their predictions.
        tokens: PTB tokens of each sentence of task 3; None where no Java could run, then there
            is no mBLEU-4 by sentence pair.
    """
    facts: dict[int, list[dict[str, Any]]] = {
        task: [_common_facts(pair.gold) for pair in of_task] for task, of_task in pairs.items()
    }
    statements: dict[int, StatementCounts] = {}
    by_relation: dict[int, dict[str, StatementCounts]] = {}
    for task in (task for task in _SENTENCE_TASKS if task in pairs):
        read = [_read_answer(pair) for pair in pairs[task]]
        statements[task] = count_statements(one for row in read for one in row)
        by_relation[task] = _count_by_relation(pairs[task], read)
        for fact, row in zip(facts[task], read, strict=True):
            fact.update(_sentence_facts(row, task))
    by_pair = None
    if 3 in pairs and tokens is not None:
        by_pair = _mbleu4_by_pair(pairs[3], tokens, facts[3])
    named = pairs.get(1, ())
    labels = [pair.label for pair in named]
    return Diagnosis(
        relations=count_relations(named, labels),
        confusion=confuse(named, labels),
        sides=count_sides(
            {pair.gold.id: pair.gold for of_task in pairs.values() for pair in of_task},
            {pair.gold.id: label for pair, label in zip(named, labels, strict=True)},
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


def _read_answer(pair: Pair) -> list[Sentence]:
    answer = pair.answer
    if answer is None:
        return [Sentence()] * (3 if pair.gold.task == 3 else 1)
    texts = (answer,) if isinstance(answer, str) else answer
    return [read_sentence(text, pair.gold) for text in texts]


def _sentence_facts(read: Sequence[Sentence], task: int) -> dict[str, Any]:
    names = ("subject_named", "object_named", "stated", "phrase", "strict", "agrees")
    values = {name: [getattr(one, name) for one in read] for name in names}
    return values if task == 3 else {name: one[0] for name, one in values.items()}


def _count_by_relation(
    pairs: Sequence[Pair], read: Sequence[Sequence[Sentence]]
) -> dict[str, StatementCounts]:
    sentences: dict[str, list[Sentence]] = {relation: [] for relation in RELATIONS}
    for pair, row in zip(pairs, read, strict=True):
        if pair.gold.relations:
            sentences[pair.gold.relations[0]].extend(row)
    return {relation: count_statements(row) for relation, row in sentences.items()}


def _mbleu4_by_pair(
    pairs: Sequence[Pair], tokens: Mapping[str, Sequence[str]], facts: Sequence[dict[str, Any]]
) -> dict[str, float] | None:
    answered = [
        (fact, [tokens[text] for text in pair.answer])
        for fact, pair in zip(facts, pairs, strict=True)
        if isinstance(pair.answer, tuple)
    ]
    if not answered:
        return None
    means: dict[str, float] = {}
    for one, other in combinations(range(3), 2):
        name = f"{one + 1}-{other + 1}"
        first, second = ([texts[place] for _, texts in answered] for place in (one, other))
        forth = score_bleu4(first, [[text] for text in second]).sentences
        back = score_bleu4(second, [[text] for text in first]).sentences
        values = [fmean(both) for both in zip(forth, back, strict=True)]
        for (fact, _), value in zip(answered, values, strict=True):
            fact.setdefault("mbleu4_by_pair", {})[name] = value
        means[name] = fmean(values)
    return means


def _percent(value: float | None) -> str:
    """Return a share as tables show it; of some hundred sentences more digits say nothing."""
    return "n/a" if value is None else f"{value:.2f}"


def _commonest(counts: StatementCounts) -> str:
    if not counts.instead:
        return ""
    relation, number = max(counts.instead.items(), key=lambda entry: entry[1])
    return f"{relation} ({number:,})"
