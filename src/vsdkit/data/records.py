"""The records that travel between commands, each a row of a file a person can open."""

from __future__ import annotations

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
    task: int

    def __str__(self) -> str:
        """Return the key as error messages write it."""
        return f"id {self.id!r}, task {self.task}"


class Box(NamedTuple):
    """A box in pixels of the original picture, in the order the VSD files write it."""

    y_min: int | float
    y_max: int | float
    x_min: int | float
    x_max: int | float


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
    return box


@dataclass(frozen=True, slots=True)
class GoldRow:
    """One question about two objects of a picture, with what is known of the answer.

    ``id`` names one (image, subject, object); rows are keyed by (id, task). Items of one's own
    have no relations and no references.
    """

    id: str
    image: str
    task: int
    subject: str
    object: str
    subject_box: Box | None = None
    object_box: Box | None = None
    relations: tuple[str, ...] = ()
    references: tuple[str, ...] = ()

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
    """What a model answered to one row.

    ``prediction`` is a label (task 1), a sentence (task 2) or three sentences (task 3); None
    where the answer could not be parsed. ``raw`` is what the model said, word for word.
    """

    id: str
    task: int
    prediction: str | tuple[str, ...] | None
    raw: str | None = None

    @property
    def key(self) -> RowKey:
        """What names this row."""
        return RowKey(self.id, self.task)

    def to_dict(self) -> dict[str, Any]:
        """Return the row as preds.jsonl writes it."""
        prediction = self.prediction
        return {
            "id": self.id,
            "task": self.task,
            "prediction": list(prediction) if isinstance(prediction, tuple) else prediction,
            "raw": self.raw,
        }

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
        return cls(_text(row, "id"), task, _prediction(row["prediction"], task), raw)


@dataclass(frozen=True, slots=True)
class InstructionRow:
    """One question and its answer, as LLaVA's trainer and its kin read them."""

    id: str
    image: str
    task: int
    question: str
    answer: str

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
        raise DataError(f"field 'relations': {error.message}") from error


def _optional_box(row: dict[str, Any], field: str) -> Box | None:
    value = row.get(field)
    if value is None:
        return None
    try:
        return parse_box(value)
    except DataError as error:
        raise DataError(f"field {field!r}: {error.message}") from error


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
