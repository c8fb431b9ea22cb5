"""Split an image of VSD into its items, and make the gold rows of an item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from vsdkit.data.images import image_name
from vsdkit.data.records import GoldRow
from vsdkit.data.vsd_json import JoinedImage, Triple

__all__ = ["Item", "LeftOut", "gold_rows", "split_items"]

BLANK = "blank caption"
REPEATED_V1 = "repeated VSDv1 caption"
REPEATED_V2 = "repeated VSDv2 caption"
NO_V1 = "no VSDv1 caption"
NO_V2 = "no VSDv2 caption"
FURTHER_ITEM = "further pair of a picture (--pairs all keeps it)"


@dataclass(frozen=True, slots=True)
class Item:
    """One (image, subject, object): what one question of each task is about."""

    id: str
    """The image's id for its first item, ``<img_id>#2``, ``#3`` and so on for further ones."""
    image: str
    """Name of the image's file."""
    triple: Triple
    """The first triple with these two tags: the tags, their boxes, the label that is taught."""
    relations: tuple[str, ...]
    """Labels of all triples with these two tags, each once."""
    v1_captions: tuple[str, ...]
    """VSDv1's captions, distinct, as the file writes them. They belong to the image, so that all
    its items have the same ones."""
    v2_captions: tuple[str, ...]
    """VSDv2's, likewise."""


class LeftOut(NamedTuple):
    """Something of the files that became no row, and why; a row of the file of rejects."""

    id: str
    """The item's, or the image's where all its items lack it."""
    image: str
    """Name of the image's file."""
    task: int | None
    """The task that lacks it; None where all tasks do."""
    reason: str
    """Why, in words; rows are counted by it."""
    text: str
    """What was left out, as the file has it."""

    def to_dict(self) -> dict[str, Any]:
        """Return the row as the file of rejects writes it."""
        return self._asdict()


def split_items(image: JoinedImage, *, keep_all: bool) -> Iterator[Item | LeftOut]:
    """Yield the items of an image and what was left out of it.

    An item is two tags: triples of the same tags are one item with several labels, since a
    question names the tags alone.

    Args:
        image: The image with its triples and captions.
        keep_all: Keep the further items too, not the first alone.
    """
    name = image_name(image.id)
    v1_captions, v1_left = _distinct(image.v1_captions, REPEATED_V1)
    v2_captions, v2_left = _distinct(image.v2_captions, REPEATED_V2)
    for task, left in ((2, v1_left), (3, v2_left)):
        for reason, caption in left:
            yield LeftOut(image.id, name, task, reason, caption)
    triples: dict[tuple[str, str], list[Triple]] = {}
    for triple in image.triples:
        triples.setdefault((triple.subject, triple.object), []).append(triple)
    for number, same in enumerate(triples.values(), start=1):
        item_id = image.id if number == 1 else f"{image.id}#{number}"
        relations = tuple(dict.fromkeys(triple.relation for triple in same))
        if number > 1 and not keep_all:
            told = f"{same[0].subject} {', '.join(relations)} {same[0].object}"
            yield LeftOut(item_id, name, None, FURTHER_ITEM, told)
        else:
            yield Item(item_id, name, same[0], relations, v1_captions, v2_captions)


def gold_rows(item: Item) -> Iterator[GoldRow | LeftOut]:
    """Yield the gold rows of an item: labels, distinct VSDv1, distinct VSDv2 captions.

    A task whose captions are missing has no gold row: nothing could be scored against it.
    """
    known = (
        (1, (), ""),
        (2, item.v1_captions, f"gold row of task 2: {NO_V1}"),
        (3, item.v2_captions, f"gold row of task 3: {NO_V2}"),
    )
    for task, references, reason in known:
        if task > 1 and not references:
            yield LeftOut(item.id, item.image, task, reason, "")
            continue
        yield GoldRow(
            id=item.id,
            image=item.image,
            task=task,
            subject=item.triple.subject,
            object=item.triple.object,
            subject_box=item.triple.subject_box,
            object_box=item.triple.object_box,
            relations=item.relations,
            references=references,
        )


def _distinct(
    captions: Sequence[str], repeated: str
) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    # As strings: "A kite." and "a kite." are two captions.
    kept: dict[str, None] = {}
    left: list[tuple[str, str]] = []
    for caption in captions:
        if not caption.strip():
            left.append((BLANK, caption))
        elif caption in kept:
            left.append((repeated, caption))
        else:
            kept[caption] = None
    return tuple(kept), left
