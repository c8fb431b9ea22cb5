"""Predictions as LLaVA's ``model_vqa`` writes them, matched by ``question_id``.

Source:
    haotian-liu/LLaVA ``llava/eval/model_vqa.py`` ``eval_model`` (what it writes).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vsdkit.data.jsonl import place_records
from vsdkit.data.records import GoldRow
from vsdkit.errors import AlignmentError, DataError
from vsdkit.formats.format import Format, FoundRows, Row, answer_to, has_fields, text_of
from vsdkit.formats.questions import question_id

__all__ = ["FORMAT"]


class _Answer(NamedTuple):
    """An answer and the row it belongs to."""

    gold: GoldRow
    text: str


def _read(paths: Sequence[Path], gold: Sequence[GoldRow], task: int | None) -> FoundRows:
    by_question = {question_id(row): row for row in gold}
    tasks = {row.task for row in gold} if task is None else {task}
    if len(tasks) == 1:
        # Ids of a rival's own making: the gold id alone, where the task is known.
        by_question |= {row.id: row for row in gold if row.task in tasks}

    def parse(row: Row) -> _Answer:
        if "image" in row and not row.keys() & {"prompt", "answer_id", "model_id"}:
            raise DataError(
                "a question, not an answer: it has an image and no prompt",
                hint="score what llava.eval.model_vqa wrote to its --answers-file",
            )
        asked = row.get("question_id")
        key = str(asked) if isinstance(asked, str | int) else ""
        if key not in by_question:
            raise AlignmentError(
                f"question_id {asked!r} is no gold row's",
                hint='ids are "<id>/<task>", as --export-questions writes them; '
                "or the gold rows' own ids with --task",
            )
        return _Answer(by_question[key], text_of(row, "text"))

    answers = place_records(paths[0], parse, named_by="question_id")
    rows = [answer_to(answer.gold, answer.text, where) for answer, where in answers]
    told = f"answers of LLaVA's model_vqa, {len(rows):,} rows matched by question_id"
    return FoundRows(rows, told)


FORMAT = Format("llava", has_fields("question_id", "text"), _read)
