"""What lmms-eval asks of a task: image, question, and the numbers of all answers, by vsdkit."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsdkit.conversation import load_template
from vsdkit.data.images import ImageFolders, open_image
from vsdkit.data.records import GoldRow
from vsdkit.errors import ConfigError
from vsdkit.formats import question_text
from vsdkit.score import score_answers

if TYPE_CHECKING:
    from PIL import Image

_METRICS = (
    *("vsd_overall", "vsd_f1", "vsd_task2_bleu4", "vsd_task2_spice"),
    *("vsd_task3_mbleu4", "vsd_task3_spice"),
)
"""Those of the list of metrics in vsd.yaml."""


def doc_to_visual(doc: Mapping[str, Any]) -> list[Image.Image]:
    """Return the image of a row, upright, as vsdkit's own commands open it."""
    name = GoldRow.from_dict(dict(doc)).image
    found = _folders().find_all([name])
    found.require()
    return [open_image(found.paths[name])]


def doc_to_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: object = None) -> str:  # noqa: ARG001
    """Return the paper's question for a row."""
    return question_text(GoldRow.from_dict(dict(doc)), load_template("paper"))


def doc_to_target(doc: Mapping[str, Any]) -> str:
    """Return one right answer, for the log of samples."""
    row = GoldRow.from_dict(dict(doc))
    return (row.relations if row.task == 1 else row.references)[0]


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Return the row and its answer under each metric: all of them are scored together."""
    entry = {"row": GoldRow.from_dict(dict(doc)).to_dict(), "answer": results[0]}
    return dict.fromkeys(_METRICS, entry)


def overall(results: Sequence[Mapping[str, Any]]) -> float:
    """Return the challenge's overall; NaN where a task has no row."""
    return _number("overall", results)


def f1(results: Sequence[Mapping[str, Any]]) -> float:
    """Return micro-F1 of task 1."""
    return _number("task1.f1_micro", results)


def task2_bleu4(results: Sequence[Mapping[str, Any]]) -> float:
    """Return BLEU-4 of task 2, best reference."""
    return _number("task2.bleu4", results)


def task2_spice(results: Sequence[Mapping[str, Any]]) -> float:
    """Return SPICE of task 2, best reference."""
    return _number("task2.spice", results)


def task3_mbleu4(results: Sequence[Mapping[str, Any]]) -> float:
    """Return mBLEU-4 of task 3; lower is better."""
    return _number("task3.mbleu4", results)


def task3_spice(results: Sequence[Mapping[str, Any]]) -> float:
    """Return SPICE of task 3, best reference."""
    return _number("task3.spice", results)


def _number(key: str, results: Sequence[Mapping[str, Any]]) -> float:
    value = _score(json.dumps(list(results))).get(key)
    return math.nan if value is None else value


# Each metric is aggregated on its own, of the same answers: they are scored once.
@cache
def _score(results: str) -> Mapping[str, float | None]:
    entries = json.loads(results)
    rows = [GoldRow.from_dict(entry["row"]) for entry in entries]
    return score_answers(rows, [entry["answer"] for entry in entries]).numbers


@cache
def _folders() -> ImageFolders:
    named = os.environ.get("VSD_IMAGES", "")
    if not named:
        raise ConfigError(
            "no folder of images is named",
            where="VSD_IMAGES",
            hint=f"export VSD_IMAGES=VG_100K{os.pathsep}VG_100K_2",
        )
    return ImageFolders([Path(name) for name in named.split(os.pathsep)])
