"""Write the questions that a rival model is to be asked, in the form its tool reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vsdkit.conversation import Template, fill
from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import IMAGE_MARK, GoldRow
from vsdkit.errors import ConfigError

__all__ = ["QUESTION_KINDS", "question_id", "question_text", "write_questions"]

QUESTION_KINDS = ("llava", "llama-factory")
"""LLaVA's ``question.jsonl``; rows of LLaMA-Factory's sharegpt form."""


def question_id(row: GoldRow) -> str:
    """Return the id that answers are matched by: ``<id>/<task>``."""
    return f"{row.id}/{row.task}"


def write_questions(path: Path, gold: Sequence[GoldRow], kind: str, template: Template) -> int:
    """Write a question for each gold row, in gold's order, and return how many there are.

    The question is the template's first one of the task, as ``infer`` asks it. No answer is
    written: the assistant's turn that LLaMA-Factory's form must have is empty.

    Args:
        path: The file, JSON Lines.
        gold: The gold rows.
        kind: One of ``QUESTION_KINDS``.
        template: Where the questions come from.

    Raises:
        ConfigError: If the kind is unknown.
        VsdkitError: If the file cannot be written.

    Source:
        haotian-liu/LLaVA ``llava/eval/model_vqa.py`` ``eval_model`` (what it reads);
        hiyouga/LLaMA-Factory ``data/README.md``, "Sharegpt Format" and "Multimodal Dataset".
    """
    if kind not in _ROW:
        raise ConfigError(f"unknown kind of questions {kind!r}; known: {', '.join(QUESTION_KINDS)}")
    make = _ROW[kind]
    return write_rows(path, (make(row, question_text(row, template)) for row in gold))


def question_text(row: GoldRow, template: Template) -> str:
    """Return the question of a row: the template's first one of its task, as ``infer`` asks it."""
    return fill(template.questions[row.task][0], {"T1": row.subject, "T2": row.object})


def _llava_row(row: GoldRow, question: str) -> dict[str, Any]:
    return {
        "question_id": question_id(row),
        "image": row.image,
        "text": question,
        "category": f"task{row.task}",
    }


def _llama_factory_row(row: GoldRow, question: str) -> dict[str, Any]:
    return {
        "id": question_id(row),
        "conversations": [
            {"from": "human", "value": f"{IMAGE_MARK}\n{question}"},
            {"from": "gpt", "value": ""},
        ],
        "images": [row.image],
    }


_ROW: dict[str, Callable[[GoldRow, str], dict[str, Any]]] = {
    "llava": _llava_row,
    "llama-factory": _llama_factory_row,
}
