"""Rows of gold.jsonl, preds.jsonl and instructions.jsonl as records, with their boxes and keys."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from vsdkit.data.relations import parse_relation
from vsdkit.errors import DataError

__all__ = [
    "IMAGE_MARK",
    "TASKS",
    "Box",
    "GoldRow",
    "InstructionRow",
    "PredictionRow",
    "RowKey",
    "parse_box",
]

TASKS = (1, 2, 3)
"""1 = name the relation, 2 = one sentence, 3 = three diverse sentences."""

IMAGE_MARK = "<image>"
"""Where the image stands in a question, as LLaVA's instruction rows have it."""


class RowKey(NamedTuple):
    """What names a row of gold or predictions."""

    id: str
    """Names one item: one (image, subject, object)."""
    task: int
    """One of ``TASKS``."""

    def __str__(self) -> str:
        """Return the key as error messages write it."""
        return f"id {self.id!r}, task {self.task}"


class Corners(NamedTuple):
    """A box in the order in which Pillow and most others write it."""

    x_min: int | float
    """Left edge."""
    y_min: int | float
    """Upper edge."""
    x_max: int | float
    """Right edge."""
    y_max: int | float
    """Lower edge."""


class Point(NamedTuple):
    """A place in an image, in pixels."""

    x: float
    """From the left."""
    y: float
    """From above."""


class Box(NamedTuple):
    """A box in pixels of the original image, in the order the VSD files write it: y first."""

    y_min: int | float
    """Upper edge."""
    y_max: int | float
    """Lower edge."""
    x_min: int | float
    """Left edge."""
    x_max: int | float
    """Right edge."""

    @property
    def width(self) -> int | float:
        """From the left to the right edge."""
        return self.x_max - self.x_min

    @property
    def height(self) -> int | float:
        """From the upper to the lower edge."""
        return self.y_max - self.y_min

    @property
    def centre(self) -> Point:
        """The middle of the box."""
        return Point((self.x_min + self.x_max) / 2, (self.y_min + self.y_max) / 2)

    @property
    def corners(self) -> Corners:
        """The edges in Pillow's order, x first."""
        return Corners(self.x_min, self.y_min, self.x_max, self.y_max)


def parse_box(value: object) -> Box:
    """Return the box of four numbers ``[ymin, ymax, xmin, xmax]``.

    Raises:
        DataError: If it is not four numbers, or a minimum is not below its maximum.
    """
    if not isinstance(value, list | tuple) or len(value) != 4:
        raise DataError(f"a box is four numbers [ymin, ymax, xmin, xmax], got {value!r}")
    for number in value:
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise DataError(f"a box is four numbers [ymin, ymax, xmin, xmax], got {value!r}")
    box = Box(*value)
    if not (box.y_min < box.y_max and box.x_min < box.x_max):
        raise DataError(
            f"a box is [ymin, ymax, xmin, xmax] with ymin < ymax and xmin < xmax, got {value!r}"
        )
    if not all(map(math.isfinite, box)):
        raise DataError(f"a box is four finite numbers [ymin, ymax, xmin, xmax], got {value!r}")
    return box


@dataclass(frozen=True, slots=True)
class GoldRow:
    """One item and task: a question about two objects of an image, and what is known of the answer.

    Rows are keyed by (id, task).
    """

    id: str
    """Names the item: one (image, subject, object)."""
    image: str
    """Name of the image's file; several items may share it."""
    task: int
    """One of ``TASKS``."""
    subject: str
    """Tag of the object that is asked about."""
    object: str
    """Tag of the object that it is seen from."""
    subject_box: Box | None = None
    """Where the subject is, if known."""
    object_box: Box | None = None
    """Where the object is, if known."""
    relations: tuple[str, ...] = ()
    """All labels of the item; none for items of one's own."""
    references: tuple[str, ...] = ()
    """Distinct captions of VSDv1 in task 2, of VSDv2 in task 3; none in task 1."""

    @property
    def key(self) -> RowKey:
        """What names this row."""
        return RowKey(self.id, self.task)

    def to_dict(self) -> dict[str, Any]:
        """Return the row as gold.jsonl writes it."""
        return {
            "id": self.id,
            "image": self.image,
            "task": self.task,
            "subject": self.subject,
            "object": self.object,
            "subject_box": None if self.subject_box is None else list(self.subject_box),
            "object_box": None if self.object_box is None else list(self.object_box),
            "relations": list(self.relations),
            "references": list(self.references),
        }

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> GoldRow:
        """Return the record of a row of gold.jsonl.

        Raises:
            DataError: If a field is missing or of the wrong shape; the message names it.
        """
        return cls(
            id=_text(row, "id"),
            image=_text(row, "image"),
            task=_task(row),
            subject=_text(row, "subject"),
            object=_text(row, "object"),
            subject_box=_optional_box(row, "subject_box"),
            object_box=_optional_box(row, "object_box"),
            relations=_relations(row),
            references=_texts(row, "references"),
        )


@dataclass(frozen=True, slots=True)
class PredictionRow:
    """What a model answered to one row."""

    id: str
    """Names the item, as in gold."""
    task: int
    """One of ``TASKS``."""
    prediction: str | tuple[str, ...] | None
    """A label (task 1), a sentence (task 2) or three sentences (task 3); None where the answer
    could not be read as such."""
    raw: str | None = None
    """What the model said, word for word, if known."""
    probabilities: Mapping[str, float] | None = None
    """Label to its probability among the nine, where they were weighed (task 1)."""
    error: str | None = None
    """Why the row has no answer; it was asked, and that failed."""
    because: str | None = None
    """What speaks for the label, in words, where that is known (task 1)."""

    @property
    def key(self) -> RowKey:
        """What names this row."""
        return RowKey(self.id, self.task)

    def to_dict(self) -> dict[str, Any]:
        """Return the row as preds.jsonl writes it; what only some rows have stands in those."""
        prediction = self.prediction
        row: dict[str, Any] = {
            "id": self.id,
            "task": self.task,
            "prediction": list(prediction) if isinstance(prediction, tuple) else prediction,
            "raw": self.raw,
        }
        if self.probabilities is not None:
            row["probabilities"] = dict(self.probabilities)
        if self.because is not None:
            row["because"] = self.because
        if self.error is not None:
            row["error"] = self.error
        return row

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> PredictionRow:
        """Return the record of a row of preds.jsonl.

        Raises:
            DataError: If a field is missing or of the wrong shape; the message names it.
        """
        task = _task(row)
        if "prediction" not in row:
            raise DataError("field 'prediction' is missing")
        raw = row.get("raw")
        if raw is not None and not isinstance(raw, str):
            raise DataError(f"field 'raw' must be text, got {raw!r}")
        # Other programs' fields of these names are passed over, as any other field is.
        error, weighed = row.get("error"), row.get("probabilities")
        because = row.get("because")
        failed = isinstance(error, str) and row["prediction"] is None
        return cls(
            _text(row, "id"),
            task,
            _prediction(row["prediction"], task),
            raw,
            weighed if isinstance(weighed, dict) else None,
            error if failed else None,
            because if isinstance(because, str) else None,
        )


@dataclass(frozen=True, slots=True)
class InstructionRow:
    """One question and its answer, as LLaVA's trainer and its kin read them."""

    id: str
    """``<item>-task1``, ``<item>-task2-1`` and so on, ``<item>-task3``."""
    image: str
    """Name of the image's file."""
    task: int
    """One of ``TASKS``."""
    question: str
    """The human turn, without ``IMAGE_MARK``."""
    answer: str
    """The turn that is learnt."""

    @property
    def item(self) -> str:
        """The id of the item that it is about, as gold has it; the whole id in other forms."""
        return self.id.rpartition("-task")[0] or self.id

    def to_dict(self) -> dict[str, Any]:
        """Return the row in LLaVA's (ShareGPT) form."""
        return {
            "id": self.id,
            "image": self.image,
            "task": self.task,
            "conversations": [
                {"from": "human", "value": f"{IMAGE_MARK}\n{self.question}"},
                {"from": "gpt", "value": self.answer},
            ],
        }

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> InstructionRow:
        """Return the record of a row of instructions.jsonl.

        Raises:
            DataError: If a field is missing or of the wrong shape; the message names it.
        """
        turns = row.get("conversations")
        if not isinstance(turns, list) or [_speaker(turn) for turn in turns] != ["human", "gpt"]:
            raise DataError(
                "field 'conversations' must hold one turn from 'human' and one from 'gpt'"
            )
        question, answer = (_text(cast("dict[str, Any]", turn), "value") for turn in turns)
        if not question.startswith(f"{IMAGE_MARK}\n"):
            raise DataError(f"the human turn must begin with {IMAGE_MARK!r} and a newline")
        if not answer.strip():
            raise DataError("the answer is empty: nothing to learn from")
        return cls(
            id=_text(row, "id"),
            image=_text(row, "image"),
            task=_task(row),
            question=question.removeprefix(f"{IMAGE_MARK}\n"),
            answer=answer,
        )


def _speaker(turn: object) -> object:
    return turn.get("from") if isinstance(turn, dict) else None


def _text(row: dict[str, Any], field: str) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not value:
        got = "nothing" if field not in row else repr(value)
        raise DataError(f"field {field!r} must be text that is not empty, got {got}")
    return value


def _task(row: dict[str, Any]) -> int:
    task = row.get("task")
    if isinstance(task, bool) or not isinstance(task, int) or task not in TASKS:
        raise DataError(f"field 'task' must be 1, 2 or 3, got {task!r}")
    return task


def _texts(row: dict[str, Any], field: str) -> tuple[str, ...]:
    value = row.get(field)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise DataError(f"field {field!r} must be a list of texts, got {value!r}")
    return tuple(value)


def _relations(row: dict[str, Any]) -> tuple[str, ...]:
    labels = _texts(row, "relations")
    try:
        return tuple(parse_relation(label) for label in labels)
    except DataError as error:
        raise error.at("field 'relations'") from error


def _optional_box(row: dict[str, Any], field: str) -> Box | None:
    value = row.get(field)
    if value is None:
        return None
    try:
        return parse_box(value)
    except DataError as error:
        raise error.at(f"field {field!r}") from error


def _prediction(value: object, task: int) -> str | tuple[str, ...] | None:
    if value is None:
        return None
    if task in (1, 2) and isinstance(value, str):
        return value
    if task == 3 and isinstance(value, list) and all(isinstance(text, str) for text in value):
        if len(value) == 3:
            return tuple(value)
        raise DataError(f"task 3 has three sentences, got {len(value)}")
    expected = "three sentences in a list" if task == 3 else "one text"
    raise DataError(f"field 'prediction' of task {task} must be {expected}, got {value!r}")
