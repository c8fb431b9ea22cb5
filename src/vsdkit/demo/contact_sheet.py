"""Draw a contact sheet: images with their two boxes, what was asked, answered and expected."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from vsdkit.data.images import ImageFolders, open_image
from vsdkit.data.records import GoldRow, PredictionRow, RowKey
from vsdkit.data.relations import RELATIONS
from vsdkit.data.row_files import read_gold_rows, read_prediction_rows
from vsdkit.infer.drawing import OBJECT_COLOUR, SUBJECT_COLOUR, TEXT_COLOUR, draw_boxes

__all__ = ["draw_contact_sheet"]

_COLUMNS = 3
_IMAGE_SIDE = 192
_CELL_WIDTH = 420
_CELL_HEIGHT = 350
_MARGIN = 12
_LINE_HEIGHT = 15
_LINE_CHARACTERS = 62


def draw_contact_sheet(folder: Path, path: Path) -> None:
    """Draw the first held-out image of each relation with what the model said of it.

    Subject boxes are red and object boxes green, as in the paper's figures.

    Args:
        folder: The demo's folder.
        path: Where the PNG goes.
    """
    gold = read_gold_rows(folder / "heldout" / "gold.jsonl")
    predictions = {row.key: row for row in read_prediction_rows(folder / "preds.jsonl")}
    images = ImageFolders([folder / "heldout" / "images"])
    by_relation = {row.relations[0]: row.id for row in reversed(gold) if row.relations}
    chosen = [by_relation[relation] for relation in RELATIONS if relation in by_relation]
    rows = {row.key: row for row in gold}
    found = images.find_all(row.image for row in gold).paths
    lines = -(-len(chosen) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _CELL_WIDTH, lines * _CELL_HEIGHT), "white")
    for number, item in enumerate(chosen):
        row = rows[RowKey(item, 1)]
        cell = _draw_cell(open_image(found[row.image]), item, rows, predictions)
        line, column = divmod(number, _COLUMNS)
        sheet.paste(cell, (column * _CELL_WIDTH, line * _CELL_HEIGHT))
    sheet.save(path)


def _draw_cell(
    image: Image.Image,
    item: str,
    gold: Mapping[RowKey, GoldRow],
    predictions: Mapping[RowKey, PredictionRow],
) -> Image.Image:
    cell = Image.new("RGB", (_CELL_WIDTH, _CELL_HEIGHT), "white")
    draw = ImageDraw.Draw(cell)
    row = gold[RowKey(item, 1)]
    scale = _IMAGE_SIDE / max(image.size)
    boxes = draw_boxes(image, row.subject_box, row.object_box, scale=scale)
    cell.paste(boxes, (_MARGIN, _MARGIN))
    beside = _MARGIN * 2 + _IMAGE_SIDE
    font = ImageFont.load_default(12)
    draw.text((beside, _MARGIN), row.subject, SUBJECT_COLOUR, font)
    draw.text((beside, _MARGIN + _LINE_HEIGHT), row.object, OBJECT_COLOUR, font)
    answer = _said(predictions.get(RowKey(item, 1)))
    right = answer in row.relations
    for number, text in enumerate((f"gold: {row.relations[0]}", f"model: {answer}")):
        colour = TEXT_COLOUR if number == 0 or right else SUBJECT_COLOUR
        draw.text((beside, _MARGIN + (number + 3) * _LINE_HEIGHT), text, colour, font)
    draw.multiline_text(
        (_MARGIN, _MARGIN * 2 + _IMAGE_SIDE),
        _sentences(item, gold, predictions),
        TEXT_COLOUR,
        font,
    )
    return cell


def _sentences(
    item: str, gold: Mapping[RowKey, GoldRow], predictions: Mapping[RowKey, PredictionRow]
) -> str:
    lines = []
    for task in (2, 3):
        key = RowKey(item, task)
        if key not in gold:
            continue
        lines += _wrapped(f"task {task} model: ", _said(predictions.get(key)))
        lines += _wrapped(f"task {task} reference: ", gold[key].references[0])
    return "\n".join(lines)


def _wrapped(label: str, text: str) -> list[str]:
    return textwrap.wrap(label + text, _LINE_CHARACTERS, subsequent_indent="    ")


def _said(prediction: PredictionRow | None) -> str:
    if prediction is None or prediction.prediction is None:
        return "(no answer)"
    said = prediction.prediction
    return said if isinstance(said, str) else " | ".join(said)
