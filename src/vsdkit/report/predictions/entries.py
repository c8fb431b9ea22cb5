"""What a page knows of every item from the start: pictures, tags, boxes, verdicts, values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from vsdkit.data.records import TASKS, Box, GoldRow, RowKey
from vsdkit.data.relations import RELATIONS
from vsdkit.report.predictions.answered import Answer, Answered, AnsweredSystem
from vsdkit.report.predictions.pictures import Pictures
from vsdkit.report.predictions.verdicts import verdict_of
from vsdkit.score.declared import Better, Number, Total
from vsdkit.score.numbers import TASK_TOTALS, task_parts

__all__ = ["Entry", "Sort", "entries_of", "entry_columns", "sorts_of"]

_PLACES = {relation: place for place, relation in enumerate(RELATIONS)}
_NO_LABEL = -1
_DIGITS = 2


@dataclass(frozen=True)
class Entry:
    """One item: an image, a subject and an object, with its row of each task."""

    rows: Mapping[int, GoldRow]
    """By task."""

    @property
    def first(self) -> GoldRow:
        """The row that tells image, tags and boxes: all of an item's do."""
        return next(iter(self.rows.values()))


class Sort(NamedTuple):
    """A value that entries have and can be sorted by."""

    task: int
    """The task that it is of."""
    value: str
    """Its name in ``score --items``, or the name of a task's total."""
    title: str
    """What people call it."""
    better: Better
    """Which of two values is the better one."""

    @property
    def key(self) -> str:
        """Its name among all."""
        return f"{self.task}.{self.value}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as the page's summary has it."""
        label = f"{self.task} {self.title}"
        return {"key": self.key, **self._asdict(), "label": label}


def entries_of(rows: Sequence[GoldRow]) -> list[Entry]:
    """Return the items of rows, in the order of their first row."""
    found: dict[str, dict[int, GoldRow]] = {}
    for row in rows:
        found.setdefault(row.id, {})[row.task] = row
    return [Entry(of_item) for of_item in found.values()]


def sorts_of(answered: Answered) -> list[Sort]:
    """Return what entries can be sorted by: what each task's total is made of, and the total.

    A total of a row is what it adds to its task's: how much it costs. Where labels were weighed,
    the probability of the answered one is among them.
    """
    answers = [answer for system in answered.systems for answer in system.answers.values()]
    sorts = []
    if any(answer.row.prediction and answer.row.prediction.probabilities for answer in answers):
        sorts.append(Sort(1, "probability", "probability", "higher"))
    if answered.score is None:
        return sorts
    present = {(answer.row.gold.task, name) for answer in answers for name in answer.facts}
    for total in TASK_TOTALS:
        parts = task_parts(total, answered.score.reading)
        # Of one value it is that value: right or wrong, which is the verdict.
        if total.task is None or len(parts) == 1:
            continue
        found = [_of_rows(part, total) for part in parts]
        sorts += [
            Sort(total.task, part.value_of_row, part.title, part.better)
            for part in found
            if (total.task, part.value_of_row) in present
        ]
        if found == parts and all((total.task, part.value_of_row) in present for part in parts):
            sorts.append(Sort(total.task, total.key, total.title, total.better))
    return sorts


def _of_rows(part: Number, total: Total) -> Number:
    """Return a part of a total, or its kin of the paper's reading if rows have no value of it."""
    if not part.corpus or part.row:
        return part
    return next(one for one in task_parts(total, "paper") if one.metric is part.metric)


def entry_columns(
    entries: Sequence[Entry], answered: Answered, sorts: Sequence[Sort], pictures: Pictures
) -> dict[str, Any]:
    """Return the piece of data ``entries``: columns, one value an entry, but for the images'."""
    first = [entry.first for entry in entries]
    images = list(dict.fromkeys(row.image for row in first))
    places = {name: place for place, name in enumerate(images)}
    reading = answered.score.reading if answered.score else ""
    return {
        "id": [row.id for row in first],
        "image": [places[row.image] for row in first],
        "images": images,
        "subject": [row.subject for row in first],
        "object": [row.object for row in first],
        "relations": [[_PLACES[label] for label in row.relations] for row in first],
        "boxes": [_boxes(row) for row in first],
        "sizes": [pictures.sizes.get(name) for name in images],
        "thumbnails": [pictures.thumbnails.get(name) for name in images],
        "systems": [_of_system(entries, system, sorts, reading) for system in answered.systems],
    }


def _of_system(
    entries: Sequence[Entry], system: AnsweredSystem, sorts: Sequence[Sort], reading: str
) -> dict[str, Any]:
    by_task = {task: list(_answers(entries, system, task)) for task in TASKS}
    return {
        "label": [_label(answer) for answer in by_task[1]],
        "verdicts": {
            str(task): "".join(map(verdict_of, answers))
            for task, answers in by_task.items()
            if any(answers)
        },
        "values": {
            sort.key: [_value(answer, sort, reading) for answer in by_task[sort.task]]
            for sort in sorts
        },
    }


def _answers(
    entries: Sequence[Entry], system: AnsweredSystem, task: int
) -> Iterator[Answer | None]:
    return (system.answers.get(RowKey(entry.first.id, task)) for entry in entries)


def _label(answer: Answer | None) -> int | None:
    if answer is None or answer.row.prediction is None:
        return None
    return _PLACES.get(answer.row.label or "", _NO_LABEL)


def _value(answer: Answer | None, sort: Sort, reading: str) -> float | None:
    if answer is None:
        return None
    if sort.value == "probability":
        return _probability(answer)
    (total,) = (total for total in TASK_TOTALS if total.task == sort.task)
    if sort.value != total.key:
        return _rounded(answer.facts.get(sort.value))
    parts = [answer.facts.get(part.value_of_row) for part in task_parts(total, reading)]
    return None if None in parts else _rounded(total.combine(*parts))


def _probability(answer: Answer) -> float | None:
    prediction, label = answer.row.prediction, answer.row.label
    if prediction is None or not prediction.probabilities or label is None:
        return None
    return _rounded(prediction.probabilities.get(label), digits=3)


def _rounded(value: Any, *, digits: int = _DIGITS) -> float | None:
    # Another program's probability may be anything. Whole numbers take no ".0".
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    rounded = round(value, digits)
    return int(rounded) if rounded == int(rounded) else rounded


def _boxes(row: GoldRow) -> list[int | float | None] | None:
    if row.subject_box is None and row.object_box is None:
        return None
    return [edge for box in (row.subject_box, row.object_box) for edge in _edges(box)]


def _edges(box: Box | None) -> list[int | float | None]:
    # A tenth of a pixel is less than the line that is drawn.
    return [None] * 4 if box is None else [_rounded(edge, digits=1) for edge in box]
