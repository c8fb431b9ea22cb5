"""Match answers without ids with gold rows: which one the n-th answer belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vsdkit.answers import parse_sentences
from vsdkit.data.records import TASKS, GoldRow
from vsdkit.data.relations import find_relation
from vsdkit.errors import AlignmentError, DataError
from vsdkit.wording import normalise

__all__ = ["Order", "check_prompts", "match_order"]

_NEARLY_ALL = 0.9
"""Share of answers that must look like a task's. A model that was asked for labels gives some that
are none; one whose answers are half labels and half sentences was asked both."""

_PROMPTS_LOOKED_AT = 20
"""Prompts that are searched for any gold row's objects; each is held against all gold rows."""

_SHOWN_CHARACTERS = 60
"""Longest answer that an error shows whole."""


class Order(NamedTuple):
    """The gold rows that answers belong to, one for one."""

    gold: list[GoldRow]
    """The row of each answer."""
    reason: str
    """How that is known, in words."""


def match_order(
    gold: Sequence[GoldRow], answers: Sequence[str], *, task: int | None, path: Path
) -> Order:
    """Return the gold row of each answer: all rows in gold's order, or those of one task.

    Args:
        gold: All gold rows.
        answers: What was answered, in the file's order.
        task: The task, if it was told.
        path: The file, for messages.

    Raises:
        AlignmentError: If there are not as many answers as gold rows, or nothing tells the task.
    """
    # What was told goes first, then the number of answers. Their looks, which a bad model may have
    # all wrong, decide only where tasks have equally many rows.
    by_task = {one: [row for row in gold if row.task == one] for one in TASKS}
    if task is not None:
        if len(by_task[task]) != len(answers):
            told = f"{len(by_task[task]):,} rows of task {task}"
            raise _wrong_count(answers, by_task[task], told, path)
        return Order(by_task[task], f"task {task}, as told")
    if len(answers) == len(gold):
        return Order(list(gold), "as many as gold has rows")
    fitting = [one for one in TASKS if len(by_task[one]) == len(answers)]
    if not fitting:
        counts = ", ".join(f"{len(rows):,} of task {one}" for one, rows in by_task.items())
        nearest = min((gold, *by_task.values()), key=lambda rows: abs(len(rows) - len(answers)))
        raise _wrong_count(answers, nearest, f"{len(gold):,} rows ({counts})", path)
    if len(fitting) == 1:
        return Order(by_task[fitting[0]], f"task {fitting[0]}: the only one with as many gold rows")
    found, reason = _tell_task(answers, path)
    if found not in fitting:
        raise AlignmentError(
            f"{len(answers):,} answers look like task {found} ({reason}), but gold has "
            f"{len(by_task[found]):,} rows of it; the first answer: {_shown(answers[0])}",
            where=f"{path}:1",
            hint="say which task these answer: --task",
        )
    return Order(by_task[found], f"task {found}: {reason}")


def check_prompts(rows: Sequence[GoldRow], prompts: Sequence[str], path: Path) -> str:
    """Return what the prompts say about the order of the answers.

    Raises:
        AlignmentError: If some prompts name both tags of their gold row and others do not, or
            name those of other gold rows.
    """
    named = [
        _letters(row.subject) in _letters(prompt) and _letters(row.object) in _letters(prompt)
        for row, prompt in zip(rows, prompts, strict=True)
    ]
    # Prompts that name no objects say nothing. Once one names its own or others', all must name
    # their own: rows were left out or moved, and by order alone that would go unseen.
    if all(named):
        return "each prompt names the two objects of its gold row"
    if not any(named) and not _name_others(rows, prompts[:_PROMPTS_LOOKED_AT]):
        return "the prompts do not name the objects, so the order could not be checked"
    at = named.index(False)
    raise AlignmentError(
        f"the prompt does not name {rows[at].subject!r} and {rows[at].object!r}, "
        f"but its gold row ({rows[at].key}) does",
        where=f"{path}:{at + 1}",
        hint="answers must stand in the order of the gold rows, none left out",
    )


def _tell_task(answers: Sequence[str], path: Path) -> tuple[int, str]:
    # Tasks 1 and 3 have a form of their own; an answer to task 2 is only known by having neither.
    labels = [find_relation(text.strip().rstrip(".")) is not None for text in answers]
    triples = [parse_sentences(text) is not None for text in answers]
    total = len(answers)
    for task, found, what in ((1, labels, "labels"), (3, triples, "three sentences each")):
        if sum(found) >= _NEARLY_ALL * total:
            return task, f"{sum(found):,} of {total:,} are {what}"
    if max(sum(labels), sum(triples)) <= (1 - _NEARLY_ALL) * total:
        return 2, f"{total - sum(labels) - sum(triples):,} of {total:,} are one sentence"
    # Shown is an answer of the rarest kind: it is the one that does not belong.
    kinds = [
        (1 if label else 3 if triple else 2) for label, triple in zip(labels, triples, strict=True)
    ]
    odd = min(set(kinds), key=kinds.count)
    at = kinds.index(odd)
    raise DataError(
        f"nothing tells which task is answered: {sum(labels):,} labels, {sum(triples):,} times "
        f"three sentences, {kinds.count(2):,} other answers; for one, {_shown(answers[at])}",
        where=f"{path}:{at + 1}",
        hint="say which task these answer: --task",
    )


def _wrong_count(
    answers: Sequence[str], rows: Sequence[GoldRow], told: str, path: Path
) -> AlignmentError:
    if len(answers) < len(rows):
        first = f"the first gold row behind the last answer: {rows[len(answers)].key}"
    else:
        first = f"the first answer without a gold row: {_shown(answers[len(rows)])}"
    return AlignmentError(
        f"{len(answers):,} answers, but gold has {told}; {first}",
        where=f"{path}:{min(len(answers), len(rows)) + 1}",
        hint="one line for each gold row, in order; an empty one where there is no answer",
    )


def _name_others(rows: Sequence[GoldRow], prompts: Sequence[str]) -> bool:
    """Say whether a prompt names both objects of any gold row."""
    texts = [f" {normalise(prompt)} " for prompt in prompts]
    tags = {(f" {normalise(row.subject)} ", f" {normalise(row.object)} ") for row in rows}
    return any(one in text and other in text for text in texts for one, other in tags)


def _letters(text: str) -> str:
    # A tokenizer's decoding may move blanks and punctuation.
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}...")
