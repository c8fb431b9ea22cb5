"""What a file of predictions is, from its content."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from vsdkit.data.jsonl import parse_json
from vsdkit.errors import DataError
from vsdkit.formats.content import names_key

__all__ = ["PREDICTION_KINDS", "decide_kind"]

PREDICTION_KINDS = ("preds", "submission", "llava", "llama-factory", "lines")
"""preds.jsonl; the challenge's two files; answers of LLaVA's ``model_vqa``; LLaMA-Factory's
``generated_predictions.jsonl``; plain text, a line for each gold row."""

_FIELDS = {
    "llava": {"question_id", "text"},
    "llama-factory": {"predict"},
    "preds": {"id", "task"},
}
_LIST_OF_OBJECTS = re.compile(rb"\s*\[\s*\{")
_LINES_LOOKED_AT = 1_000


def decide_kind(content: bytes, path: Path) -> str:
    """Return the kind of a file: what most of its lines look like.

    One damaged line makes no other kind of a file, so that its error can name the line.

    Args:
        content: The file's bytes.
        path: Where they were read, for messages.

    Raises:
        DataError: If the lines are JSON objects of no known kind, or the file is a JSON list.
    """
    in_document = names_key(content, "img_id")
    if in_document and content.lstrip().startswith(b"["):
        return "submission"
    lines = [line for line in content.split(b"\n", _LINES_LOOKED_AT) if line.strip()]
    votes = Counter(_kind_of_line(line) for line in lines[:_LINES_LOOKED_AT])
    # Where as many lines are plain text as are rows, rows were damaged.
    kind = max(votes, key=lambda kind: (votes[kind], kind != "lines"), default="lines")
    if kind == "lines" and in_document:
        return "submission"
    if kind == "lines" and _LIST_OF_OBJECTS.match(content):
        raise DataError(
            "a JSON list of no known form",
            where=f"{path}:1",
            hint="write one row a line, without brackets and commas around them (JSON Lines): "
            "docs/formats.md",
        )
    if kind == "unknown":
        raise DataError(
            "JSON objects of no known form",
            where=f"{path}:1",
            hint="rows need id, task, prediction; or question_id, text; or predict: "
            "docs/formats.md",
        )
    return kind


def _kind_of_line(line: bytes) -> str:
    try:
        value = parse_json(line.decode())
    except ValueError:
        return "lines"
    if not isinstance(value, dict):
        return "lines"
    return next((kind for kind, fields in _FIELDS.items() if fields <= value.keys()), "unknown")
