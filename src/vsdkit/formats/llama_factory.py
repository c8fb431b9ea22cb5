"""Predictions as LLaMA-Factory's ``generated_predictions.jsonl`` has them, matched by order.

Source:
    hiyouga/LLaMA-Factory ``src/llamafactory/train/sft/trainer.py`` ``save_predictions``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vsdkit.data.jsonl import place_records
from vsdkit.data.records import GoldRow
from vsdkit.formats.format import Format, FoundRows, Row, answers_to, has_fields, text_of
from vsdkit.formats.order import check_prompts, match_order

__all__ = ["FORMAT"]


class _Answer(NamedTuple):
    """An answer and what was asked, as far as it is told."""

    text: str
    prompt: str


def _parse(row: Row) -> _Answer:
    prompt = row.get("prompt")
    return _Answer(text_of(row, "predict"), prompt if isinstance(prompt, str) else "")


def _read(paths: Sequence[Path], gold: Sequence[GoldRow], task: int | None) -> FoundRows:
    placed = list(place_records(paths[0], _parse))
    texts = [answer.text for answer, _ in placed]
    order = match_order(gold, texts, task=task, path=paths[0])
    checked = check_prompts(order.gold, [answer.prompt for answer, _ in placed], paths[0])
    rows = answers_to(order.gold, texts, (where for _, where in placed))
    told = f"{len(rows):,} rows in gold's order ({order.reason}; {checked})"
    return FoundRows(rows, f"LLaMA-Factory's generated_predictions, {told}")


FORMAT = Format("llama-factory", has_fields("predict"), _read)
