"""Count instruction rows: tasks, wordings, relations by tags, lengths; in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from vsdkit.answers import parse_answer, parse_label
from vsdkit.data.records import GoldRow, InstructionRow
from vsdkit.progress import Listener
from vsdkit.report.instructions.wordings import Wordings
from vsdkit.wording import find_relations

__all__ = ["NOT_KNOWN", "TagCounts", "Tally", "tally_rows"]

NOT_KNOWN = ""
"""Stands for the relation or the tag of rows that do not tell it."""
_SHOWN_AT_ONCE = 1000
"""Rows between two movements of the bar."""
_OTHER_QUESTIONS = 5
"""Examples that are kept of questions that no template has."""

TagCounts = Counter[tuple[str, str]]
"""Tag and relation to a number of rows."""


@dataclass
class _Item:
    """What is known of an item from its rows so far."""

    subject: str = NOT_KNOWN
    object: str = NOT_KNOWN
    relations: tuple[str, ...] = ()
    rows: int = 0
    sentences: list[tuple[int, str]] = field(default_factory=list)
    """Task and answer of its rows about sentences: their relation is looked for in them if nothing
    else tells it."""


@dataclass
class Tally:
    """The counts of a file of instruction rows."""

    tasks: Counter[int] = field(default_factory=Counter)
    """Task to its rows."""
    rows_of_image: Counter[str] = field(default_factory=Counter)
    """Name of an image to the rows about it."""
    wordings: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Task and question of a template to its rows."""
    other_wordings: Counter[int] = field(default_factory=Counter)
    """Task to its rows whose question is of no template that was looked at."""
    other_questions: list[str] = field(default_factory=list)
    """Some of them."""
    questions: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Task and question, tags in it, to its rows: each is tokenised once."""
    answers: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Task and answer to its rows."""
    by_subject: TagCounts = field(default_factory=Counter)
    by_object: TagCounts = field(default_factory=Counter)
    several_relations: int = 0
    """Rows that are counted under more than one relation, since their item has several."""
    without_gold: int = 0
    """Rows whose item is not in gold."""
    items: set[str] = field(default_factory=set)
    """Ids of the items."""


def tally_rows(
    rows: Iterable[InstructionRow],
    wordings: Wordings,
    gold: Mapping[str, GoldRow],
    *,
    total: int,
    listener: Listener,
) -> Tally:
    """Return the counts of instruction rows.

    A row's relation is gold's; without gold, what the row of task 1 about the same item answers;
    without that, what its sentence states.

    Args:
        rows: The rows.
        wordings: Tell a question's wording and the tags in it.
        gold: A gold row of each item, by id; may be empty.
        total: How many rows there are.
        listener: Shows a bar.
    """
    tally = Tally()
    items: dict[str, _Item] = {}
    with listener.track("looking at rows", total=total) as tracker:
        for number, row in enumerate(rows, start=1):
            _count(row, tally, items.setdefault(row.item, _Item()), wordings)
            if number % _SHOWN_AT_ONCE == 0:
                tracker.advance(_SHOWN_AT_ONCE)
        tracker.advance(total % _SHOWN_AT_ONCE)
    tally.items = set(items)
    for name, item in items.items():
        known = gold.get(name)
        if known is not None:
            item.subject, item.object, item.relations = known.subject, known.object, known.relations
        elif gold:
            tally.without_gold += item.rows
        _count_relations(item, tally)
    return tally


def _count(row: InstructionRow, tally: Tally, item: _Item, wordings: Wordings) -> None:
    tally.tasks[row.task] += 1
    tally.rows_of_image[row.image] += 1
    tally.questions[row.task, row.question] += 1
    tally.answers[row.task, row.answer] += 1
    item.rows += 1
    asked = wordings.find(row.task, row.question)
    if asked is None:
        tally.other_wordings[row.task] += 1
        if len(tally.other_questions) < _OTHER_QUESTIONS:
            tally.other_questions.append(row.question)
    else:
        tally.wordings[row.task, asked.shape] += 1
    if row.task == 1:
        tags = (asked.subject, asked.object) if asked else ("", "")
        label = parse_label(row.answer, tags=tags)
        item.relations = (label,) if label else ()
    else:
        item.sentences.append((row.task, row.answer))
    # In the paper's question of task 1 the two tags are told apart; others join them by "and".
    if asked is not None and (row.task == 1 or not item.subject):
        item.subject, item.object = asked.subject, asked.object


def _count_relations(item: _Item, tally: Tally) -> None:
    counted = Counter[str]()
    if item.relations:
        counted = Counter(dict.fromkeys(item.relations, item.rows))
        tally.several_relations += item.rows if len(item.relations) > 1 else 0
    else:
        counted = Counter(_stated(task, answer, item) for task, answer in item.sentences)
        counted[NOT_KNOWN] += item.rows - len(item.sentences)
    for relation, count in counted.items():
        if count:
            tally.by_subject[item.subject, relation] += count
            tally.by_object[item.object, relation] += count


def _stated(task: int, answer: str, item: _Item) -> str:
    """Return the first relation that the sentences of an answer state of an item's objects."""
    said = parse_answer(answer, task)
    for sentence in (said,) if isinstance(said, str) else said or ():
        for stated in find_relations(sentence, item.subject, item.object):
            return stated.relations[0]
    return NOT_KNOWN
