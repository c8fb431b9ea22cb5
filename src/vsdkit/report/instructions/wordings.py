"""Which question of which template a row was asked with, told by its words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from vsdkit.conversation import Template, pattern_of
from vsdkit.data.records import TASKS

__all__ = ["Asked", "CountedWording", "Wordings"]


class Asked(NamedTuple):
    """What a question says."""

    shape: str
    """The template's question, with placeholders."""
    subject: str
    """Tag in the place of ``{T1}``; empty if the question does not name it."""
    object: str
    """The same of ``{T2}``."""


class CountedWording(NamedTuple):
    """A question of the templates, and how often it was drawn."""

    task: int
    shape: str
    """With placeholders."""
    templates: tuple[str, ...]
    """Names of the templates that have it."""
    rows: int


class _Shape(NamedTuple):
    begins: str
    """What stands before the first placeholder: most questions are told apart by it."""
    pattern: re.Pattern[str]
    text: str


class Wordings:
    """Finds the questions of templates in rows.

    Args:
        templates: Of two that have the same question both are named.
    """

    def __init__(self, templates: Iterable[Template]) -> None:
        self._templates: dict[tuple[int, str], list[str]] = {}
        for template in templates:
            for task in TASKS:
                for shape in template.questions[task]:
                    names = self._templates.setdefault((task, shape), [])
                    if template.name not in names:
                        names.append(template.name)
        self._shapes: dict[int, list[_Shape]] = {task: [] for task in TASKS}
        for task, text in self._templates:
            self._shapes[task].append(_Shape(text.partition("{")[0], pattern_of(text), text))

    def find(self, task: int, question: str) -> Asked | None:
        """Return what a question of a task says; None if no template has its wording."""
        for shape in self._shapes[task]:
            if question.startswith(shape.begins):
                found = shape.pattern.fullmatch(question)
                if found is not None:
                    tags = found.groupdict()
                    return Asked(shape.text, tags.get("T1", ""), tags.get("T2", ""))
        return None

    def counted(self, counts: Mapping[tuple[int, str], int]) -> list[CountedWording]:
        """Return the wordings of rows, and those of the same templates that no row has.

        Args:
            counts: Task and shape to the number of rows that have it.
        """
        rows_of = Counter[str]()
        for key, count in counts.items():
            for name in self._templates[key]:
                rows_of[name] += count
        # The first of two templates with the same questions: the one that is noted, or by name.
        mostly = rows_of.most_common(1)[0][0] if rows_of else ""
        return [
            CountedWording(task, shape, tuple(names), counts.get((task, shape), 0))
            for (task, shape), names in sorted(self._templates.items(), key=_by_task)
            if counts.get((task, shape)) or mostly in names
        ]


def _by_task(entry: tuple[tuple[int, str], Sequence[str]]) -> int:
    return entry[0][0]
