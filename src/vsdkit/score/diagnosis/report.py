"""The diagnosis of one system's predictions, as JSON and as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from vsdkit.data.relations import RELATIONS, short_form
from vsdkit.reporting import Table
from vsdkit.score.diagnosis.confusion import NO_LABEL, RelationCounts
from vsdkit.score.diagnosis.sides import SideCounts
from vsdkit.score.diagnosis.statements import StatementCounts

__all__ = ["Diagnosis"]


@dataclass(frozen=True)
class Diagnosis:
    """What ``diagnose`` found; a task that was not scored is in none of its parts."""

    relations: Sequence[RelationCounts] = ()
    """Task 1 by relation, in the order of the paper's question."""
    confusion: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Rows of task 1: gold relation to predicted label (or ``NO_LABEL``) to count."""
    sides: Sequence[SideCounts] = ()
    """Gold left and right against the boxes."""
    statements: Mapping[int, StatementCounts] = field(default_factory=dict)
    """What the sentences of a task say."""
    by_relation: Mapping[int, Mapping[str, StatementCounts]] = field(default_factory=dict)
    """The same for the rows of each first gold relation."""
    mbleu4_by_pair: Mapping[str, float] | None = None
    """BLEU-4 of two sentences of a row against each other, "1-2", "1-3" and "2-3", mean of both
    directions, then of rows; None where it could not be computed."""
    rows: Mapping[int, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """Of each task, the facts of every row, in the order given: what ``--items`` writes."""

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


def _percent(value: float | None) -> str:
    """Return a share as tables show it; of some hundred sentences more digits say nothing."""
    return "n/a" if value is None else f"{value:.2f}"


def _commonest(counts: StatementCounts) -> str:
    if not counts.instead:
        return ""
    relation, number = max(counts.instead.items(), key=lambda entry: entry[1])
    return f"{relation} ({number:,})"
