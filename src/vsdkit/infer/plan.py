"""Which images are answered together: one plan of all rows, wherever a run goes on."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from vsdkit.data.records import RowKey

if TYPE_CHECKING:
    from vsdkit.data.records import GoldRow

__all__ = ["ImageRows", "plan_batches", "unanswered"]

ImageRows = list["GoldRow"]
"""Rows about one image, which are asked together."""

_MOST_ROWS = 24
"""Rows that share an image in one sequence. Eight pairs of objects with three tasks: the image is
then a small part of what is computed, and the answers of a picture with hundreds of pairs still
come in steps."""


def plan_batches(
    rows: Iterable[GoldRow], tokens: Mapping[str, int], *, batch_size: int
) -> list[list[ImageRows]]:
    """Return all rows in batches of images that are about equally long.

    The plan depends on the rows alone, not on what is answered already nor on how many processes
    share the batches: an answer's roundings depend on the batch that it is made in.

    Args:
        rows: All that a run is about.
        tokens: Image name to the number of tokens it takes.
        batch_size: Images a batch, at most.
    """
    together: dict[str, ImageRows] = {}
    for row in rows:
        together.setdefault(row.image, []).append(row)
    images = [
        own[start : start + _MOST_ROWS]
        for own in together.values()
        for start in range(0, len(own), _MOST_ROWS)
    ]
    # Sorted and not only grouped: shapes of photographs are many, and neighbours pad little.
    images.sort(key=lambda own: (tokens[own[0].image], own[0].image))
    return [images[start : start + batch_size] for start in range(0, len(images), batch_size)]


def unanswered(
    batches: Sequence[list[ImageRows]], answered: Container[RowKey]
) -> Iterator[list[ImageRows]]:
    """Yield the batches in which an answer is missing, whole."""
    for batch in batches:
        if any(row.key not in answered for image in batch for row in image):
            yield batch
