"""Several rows about one image as one sequence: the image's tokens once, each row to itself.

A sequence is system text and image (the prefix), then the rows' questions and answers one after
another. A row sees the prefix and, causally, itself; its positions go on where the prefix ends. So
each row has the logits that it has in a sequence of its own, and the gradients are the sum of
theirs.

Source:
    allenai/molmo ``olmo/data/model_preprocessor.py`` trains so, with weights by image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from vsdkit.errors import DataError, TemplateError
from vsdkit.finetune.examples import IGNORED, EncodedRow, Example
from vsdkit.model.families import ImagePreparer

__all__ = ["PADDED_TO", "SEGMENTS", "attention_mask", "collate_images"]

SEGMENTS = "segments"
"""Key of a batch: ``[2, length]``, which image and which of its rows each token belongs to."""

_NO_IMAGE = -1
_PREFIX = 0
PADDED_TO = 16
"""The length of a sequence is a multiple of it: otherwise torch's memory-efficient attention would
copy the mask in every layer."""


def collate_images(
    examples: Sequence[Example], *, pad: int, preparer: ImagePreparer
) -> dict[str, Any]:
    """Return one sequence of images and their rows, padded on the right.

    Only positions that learn get logits. The mask is left to ``attention_mask``: made where the
    model is, it need not be carried there, and it stays bool.

    Args:
        examples: Images with their rows.
        pad: Id that pads.
        preparer: The one that prepared the images.

    Returns:
        ``input_ids``, ``position_ids`` ``[1, length]``; ``segments`` ``[2, length]``;
        ``logits_to_keep`` ``[kept]``; ``shift_labels``, ``rows_of_image`` ``[1, kept]``: what each
        kept position predicts, and how many rows its image has; what the preparer adds.

    Raises:
        DataError: If the rows of an image do not begin alike.
        TemplateError: If an answer begins right behind the image.
    """
    ids: list[int] = []
    positions: list[int] = []
    images: list[int] = []
    rows: list[int] = []
    following: list[int] = []
    weights: list[int] = []
    for image, example in enumerate(examples):
        prefix = _shared_prefix(example.rows)
        parts = [(_PREFIX, prefix, [IGNORED] * len(prefix), 0)]
        for number, row in enumerate(example.rows, start=_PREFIX + 1):
            own = slice(row.prefix, None)
            # The last token of a row predicts nothing: behind it another row begins.
            predicted = [*row.labels[row.prefix + 1 :], IGNORED]
            parts.append((number, row.ids[own], predicted, row.prefix))
        for number, own_ids, predicted, start in parts:
            ids += own_ids
            positions += range(start, start + len(own_ids))
            images += [image] * len(own_ids)
            rows += [number] * len(own_ids)
            following += predicted
            weights += [example.rows_of_image] * len(own_ids)
    missing = -len(ids) % PADDED_TO
    input_ids = torch.tensor([ids + [pad] * missing])
    labels = torch.tensor(following)
    keep = (labels != IGNORED).nonzero()[:, 0]
    if not len(keep):
        # Images that only pad still go through the model, with a loss of 0.
        keep = torch.zeros(1, dtype=torch.long)
    return {
        "input_ids": input_ids,
        "position_ids": torch.tensor([positions + [0] * missing]),
        SEGMENTS: torch.tensor([images + [_NO_IMAGE] * missing, rows + [_PREFIX] * missing]),
        "logits_to_keep": keep,
        "shift_labels": labels[None, keep],
        "rows_of_image": torch.tensor(weights)[None, keep],
        **preparer.collate([example.image for example in examples], input_ids),
    }


def attention_mask(segments: torch.Tensor) -> torch.Tensor:
    """Return what each token sees, True where it does: ``[1, 1, length, length]``.

    Bool, since a mask of numbers is added to the scores by eager attention and cast to 16 bits by
    the Trainer. Padding sees itself: a token that sees nothing would give NaN.

    Args:
        segments: From ``collate_images``, on any device.
    """
    image, row = segments
    place = torch.arange(len(image), device=segments.device)
    causal = place[:, None] >= place[None, :]
    same_image = image[:, None] == image[None, :]
    in_sight = (row[None, :] == _PREFIX) | (row[:, None] == row[None, :])
    mask: torch.Tensor = causal & same_image & in_sight
    return mask[None, None]


def _shared_prefix(rows: Sequence[EncodedRow]) -> list[int]:
    """Return the ids that all rows of an image begin with, up to the image's last."""
    first = rows[0]
    prefix = first.ids[: first.prefix]
    for row in rows:
        if row.ids[: row.prefix] != prefix:
            raise DataError(
                "the rows of an image do not begin alike, so they cannot share it",
                hint="use --batching rows",
            )
        if row.labels[row.prefix] != IGNORED:
            # All rows share the token that would predict it.
            raise TemplateError(
                "the answer begins right behind the image",
                hint="use --batching rows, or a conversation format with the question between",
            )
    return prefix
