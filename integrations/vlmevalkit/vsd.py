"""Visual spatial description for VLMEvalKit: rows of gold.jsonl, scored by vsdkit.

VSD_GOLD names gold.jsonl of ``vsdkit build-instructions``, VSD_IMAGES the folders of images. How it
is made known to VLMEvalKit: docs/scoring.md.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
from vlmeval.dataset.image_base import ImageBaseDataset
from vlmeval.smp import load

from vsdkit.conversation import load_template
from vsdkit.data.images import ImageFolders
from vsdkit.data.records import GoldRow
from vsdkit.formats import question_text, read_gold
from vsdkit.score import score_answers

__all__ = ["VSDDataset"]


class VSDDataset(ImageBaseDataset):
    """The three tasks of VSD as one dataset; a line is one row of gold."""

    TYPE = "Caption"

    @classmethod
    def supported_datasets(cls) -> list[str]:
        """Return the name that ``--data`` takes."""
        return ["VSD"]

    def load_data(self, dataset: str) -> pd.DataFrame:  # noqa: ARG002
        """Return a line for each gold row: its number, image, question, one answer, the row."""
        rows = read_gold([Path(os.environ["VSD_GOLD"])]).rows
        named = os.environ["VSD_IMAGES"].split(os.pathsep)
        found = ImageFolders([Path(name) for name in named]).find_all(row.image for row in rows)
        found.require()
        template = load_template("paper")
        return pd.DataFrame(
            {
                "index": number,
                "image_path": str(found.paths[row.image].resolve()),
                "question": question_text(row, template),
                "answer": (row.relations if row.task == 1 else row.references)[0],
                # As text: the file of predictions is a table, whose cells hold no lists.
                "row": json.dumps(row.to_dict()),
            }
            for number, row in enumerate(rows)
        )

    @classmethod
    def evaluate(cls, eval_file: str, **judge_kwargs: Any) -> dict[str, float | None]:  # noqa: ARG003
        """Return every number that vsdkit has of the file of predictions."""
        lines = load(eval_file)
        rows = [GoldRow.from_dict(json.loads(text)) for text in lines["row"]]
        # A table reads an empty answer back as a number that is none.
        said = ["" if pd.isna(text) else str(text) for text in lines["prediction"]]
        return dict(score_answers(rows, said).numbers)
