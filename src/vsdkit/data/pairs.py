"""The pairs of objects in a picture of VSD, and what is known of the answers to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from vsdkit.data.images import image_name
from vsdkit.data.records import GoldRow
from vsdkit.data.vsd_json import JoinedItem, Triple

__all__ = ["LeftOut", "Pair", "gold_rows", "split_pairs"]

BLANK = "blank caption"
REPEATED_V1 = "repeated VSDv1 caption"
REPEATED_V2 = "repeated VSDv2 caption"
FURTHER_PAIR = "further pair of a picture (--pairs all keeps it)"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two named things of a picture: what one question is about.

    Captions are distinct and as the files write them; they belong to the picture, so that all
    pairs of a picture have the same ones.
    """

    id: str
    image: str
    triple: Triple
    relations: tuple[str, ...]
    v1_captions: tuple[str, ...]
    v2_captions: tuple[str, ...]


class LeftOut(NamedTuple):
    """Something of the files that became no row, and why; ``task`` is None where all lack it."""

    id: str
    image: str
    task: int | None
    reason: str
    text: str

    def to_dict(self) -> dict[str, Any]:
        """Return the row as the file of rejects writes it."""
        return self._asdict()


def split_pairs(item: JoinedItem, *, keep_all: bool) -> Iterator[Pair | LeftOut]:
    """Yield the pairs of a picture and what was left out of it.

    A pair is two tags: triples of the same tags are one pair with several labels, since a
    question names the tags alone. The first pair has the picture's id, further ones have
    ``<img_id>#2``, ``#3`` and so on.

    Args:
        item: The picture.
        keep_all: Keep the further pairs too.
    """
    image = image_name(item.id)
    v1_captions, v1_left = _distinct(item.v1_captions, REPEATED_V1)
    v2_captions, v2_left = _distinct(item.v2_captions, REPEATED_V2)
    for task, left in ((2, v1_left), (3, v2_left)):
        for reason, caption in left:
            yield LeftOut(item.id, image, task, reason, caption)
    triples: dict[tuple[str, str], list[Triple]] = {}
    for triple in item.triples:
        triples.setdefault((triple.subject, triple.object), []).append(triple)
    for number, same in enumerate(triples.values(), start=1):
        pair_id = item.id if number == 1 else f"{item.id}#{number}"
        relations = tuple(dict.fromkeys(triple.relation for triple in same))
        if number > 1 and not keep_all:
            told = f"{same[0].subject} {', '.join(relations)} {same[0].object}"
            yield LeftOut(pair_id, image, None, FURTHER_PAIR, told)
        else:
            yield Pair(pair_id, image, same[0], relations, v1_captions, v2_captions)


def gold_rows(pair: Pair) -> Iterator[GoldRow]:
    """Yield the three gold rows of a pair: labels, distinct VSDv1, distinct VSDv2 captions."""
    for task, references in ((1, ()), (2, pair.v1_captions), (3, pair.v2_captions)):
        yield GoldRow(
            id=pair.id,
            image=pair.image,
            task=task,
            subject=pair.triple.subject,
            object=pair.triple.object,
            subject_box=pair.triple.subject_box,
            object_box=pair.triple.object_box,
            relations=pair.relations,
            references=references,
        )


def _distinct(
    captions: Sequence[str], repeated: str
) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
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
