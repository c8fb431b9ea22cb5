"""From a picture with its captions to questions with their answers: which rows, and their words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from vsdkit.conversation import Template, fill
from vsdkit.data.images import image_name
from vsdkit.data.records import GoldRow, InstructionRow
from vsdkit.data.vsd_json import JoinedItem, Triple

__all__ = ["LeftOut", "Pair", "draw", "gold_rows", "instruction_rows", "split_pairs"]

BLANK = "blank caption"
REPEATED_V1 = "repeated VSDv1 caption"
REPEATED_V2 = "repeated VSDv2 caption"
NO_V1 = "no VSDv1 caption"
NO_V2 = "no VSDv2 caption"
ONE_V1 = "fewer than two VSDv1 captions"
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


def instruction_rows(
    pair: Pair, template: Template, *, seed: int
) -> Iterator[InstructionRow | LeftOut]:
    """Yield the rows of one pair, task by task, and the tasks it cannot have.

    Task 1 has one row, task 2 one for each distinct VSDv1 caption, task 3 one where there are two
    of them and a VSDv2 caption. A draw depends on the seed and the row's id alone.

    Args:
        pair: The pair.
        template: Questions and shapes of answers.
        seed: Seed of the drawn question and, in task 3, captions.

    Source:
        LLaVA-VSD (ACM MM 2024), Table 1, and the row counts of its section 3.
    """
    asked: dict[str, str] = {}
    facts = {"T1": pair.triple.subject, "T2": pair.triple.object, "R": pair.triple.relation}

    def row(task: int, suffix: str, facts: dict[str, str]) -> InstructionRow:
        row_id = f"{pair.id}-task{suffix}"
        questions = template.questions[task]
        shape = questions[draw(len(questions), seed=seed, key=f"{row_id} question")]
        # Six rows of a pair share a question on average.
        question = asked.get(shape) or asked.setdefault(shape, fill(shape, facts))
        return InstructionRow(
            id=row_id,
            image=pair.image,
            task=task,
            question=question,
            answer=fill(template.answers[task], facts),
        )

    yield row(1, "1", facts)
    for number, caption in enumerate(pair.v1_captions, start=1):
        yield row(2, f"2-{number}", facts | {"v1_caption": caption})
    if not pair.v1_captions:
        yield LeftOut(pair.id, pair.image, 2, NO_V1, "")
    if len(pair.v1_captions) < 2:
        yield LeftOut(pair.id, pair.image, 3, ONE_V1, "")
    elif not pair.v2_captions:
        yield LeftOut(pair.id, pair.image, 3, NO_V2, "")
    else:
        yield row(3, "3", facts | _drawn_captions(pair, seed))


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


def draw(count: int, *, seed: int, key: str) -> int:
    """Return a number from 0 to ``count - 1`` that seed and key alone decide.

    A hash, so that it is the same on every machine and does not change when rows are added.

    >>> [draw(8, seed=0, key=f"2670-task2-{number}") for number in (1, 2, 3)]
    [6, 2, 3]
    """
    if count == 1:
        return 0
    digest = hashlib.blake2b(f"{seed}\n{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % count


def _drawn_captions(pair: Pair, seed: int) -> dict[str, str]:
    v2_caption = _pick(pair.v2_captions, seed, f"{pair.id}-task3 v2_caption")
    # Some VSDv2 captions are VSDv1's, and the answer's sentences must differ.
    others = [caption for caption in pair.v1_captions if caption != v2_caption]
    v1_caption = _pick(others, seed, f"{pair.id}-task3 v1_caption")
    return {"v1_caption": _one_line(v1_caption), "v2_caption": _one_line(v2_caption)}


def _pick(captions: Sequence[str], seed: int, key: str) -> str:
    return captions[draw(len(captions), seed=seed, key=key)]


def _one_line(caption: str) -> str:
    # Line breaks part the three sentences of an answer.
    return " ".join(caption.split()) if "\n" in caption or "\r" in caption else caption


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
