"""Three pictures, nine gold rows, and files of predictions in every form."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import Box, GoldRow, PredictionRow

TAGS = (("red kite", "barn"), ("cup", "t.v."), ("dog", "dog"), ("left shoe", "mat"))
LABELS = ("above", "next to", "to the left of", "on")


def make_gold(count: int = 4) -> list[GoldRow]:
    """Return the gold rows of some pictures, in the order of gold.jsonl."""
    return [_gold_row(number, task) for number in range(count) for task in (1, 2, 3)]


def _gold_row(number: int, task: int) -> GoldRow:
    subject, other = TAGS[number % len(TAGS)]
    label = LABELS[number % len(LABELS)]
    return GoldRow(
        id=str(number + 41),
        image=f"{number + 41}.jpg",
        task=task,
        subject=subject,
        object=other,
        subject_box=Box(1, 20, 3, 40),
        object_box=Box(5, 60, 7, 80),
        relations=(label,),
        references=() if task == 1 else (f"a {subject} {label} a {other}.",),
    )


def make_predictions(gold: Sequence[GoldRow]) -> list[PredictionRow]:
    """Return an answer to each gold row, right ones."""
    rows = []
    for row in gold:
        sentence = f"the {row.subject} is {row.relations[0]} the {row.object}."
        sentences = (sentence, f"picture {row.id} shows it", f"see the {row.object}")
        raw = {1: row.relations[0], 2: sentence, 3: " \n ".join(sentences)}[row.task]
        answer = sentences if row.task == 3 else raw
        rows.append(PredictionRow(row.id, row.task, answer, raw))
    return rows


@pytest.fixture
def gold() -> list[GoldRow]:
    return make_gold()


@pytest.fixture
def predictions(gold: list[GoldRow]) -> list[PredictionRow]:
    return make_predictions(gold)


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of JSON Lines, a JSON document (suffix .json), or text."""

    def write_file(name: str, content: object) -> Path:
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_bytes(content.encode())
        elif name.endswith(".json"):
            path.write_text(json.dumps(content), encoding="utf-8")
        else:
            write_rows(path, content)  # type: ignore[arg-type]
        return path

    return write_file
