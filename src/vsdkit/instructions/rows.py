"""Make the instruction rows of an item: which rows it has, and their questions and answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from vsdkit.conversation import Template, fill
from vsdkit.data.records import InstructionRow
from vsdkit.data.vsd_items import NO_V1, NO_V2, Item, LeftOut

__all__ = ["choose", "instruction_rows"]

ONE_V1 = "fewer than two VSDv1 captions"


def instruction_rows(
    item: Item, template: Template, *, seed: int
) -> Iterator[InstructionRow | LeftOut]:
    """Yield the rows of one item, task by task, and the tasks it cannot have.

    Task 1 has one row, task 2 one for each distinct VSDv1 caption, task 3 one where there are two
    of them and a VSDv2 caption. A choice depends on the seed and the row's id alone.

    Args:
        item: The item.
        template: Questions and shapes of answers.
        seed: Seed of the chosen question and, in task 3, captions.

    Source:
        LLaVA-VSD (ACM MM 2024), Table 1, and the row counts of its section 3.
    """
    asked: dict[str, str] = {}
    facts = {"T1": item.triple.subject, "T2": item.triple.object, "R": item.triple.relation}

    def row(task: int, suffix: str, facts: dict[str, str]) -> InstructionRow:
        row_id = f"{item.id}-task{suffix}"
        questions = template.questions[task]
        shape = questions[choose(len(questions), seed=seed, key=f"{row_id} question")]
        # Six rows of an item share a question on average.
        question = asked.get(shape) or asked.setdefault(shape, fill(shape, facts))
        return InstructionRow(
            id=row_id,
            image=item.image,
            task=task,
            question=question,
            answer=fill(template.answers[task], facts),
        )

    yield row(1, "1", facts)
    for number, caption in enumerate(item.v1_captions, start=1):
        yield row(2, f"2-{number}", facts | {"v1_caption": caption})
    if not item.v1_captions:
        yield LeftOut(item.id, item.image, 2, NO_V1, "")
    if len(item.v1_captions) < 2:
        yield LeftOut(item.id, item.image, 3, ONE_V1, "")
    elif not item.v2_captions:
        yield LeftOut(item.id, item.image, 3, NO_V2, "")
    else:
        yield row(3, "3", facts | _chosen_captions(item, seed))


def choose(count: int, *, seed: int, key: str) -> int:
    """Return a number from 0 to ``count - 1`` that seed and key alone decide.

    A hash, so that it is the same on every machine and does not change when rows are added.

    >>> [choose(8, seed=0, key=f"2670-task2-{number}") for number in (1, 2, 3)]
    [6, 2, 3]
    """
    if count == 1:
        return 0
    digest = hashlib.blake2b(f"{seed}\n{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % count


def _chosen_captions(item: Item, seed: int) -> dict[str, str]:
    v2_caption = _pick(item.v2_captions, seed, f"{item.id}-task3 v2_caption")
    # Some VSDv2 captions are VSDv1's, and the answer's sentences must differ.
    others = [caption for caption in item.v1_captions if caption != v2_caption]
    v1_caption = _pick(others, seed, f"{item.id}-task3 v1_caption")
    return {"v1_caption": _one_line(v1_caption), "v2_caption": _one_line(v2_caption)}


def _pick(captions: Sequence[str], seed: int, key: str) -> str:
    return captions[choose(len(captions), seed=seed, key=key)]


def _one_line(caption: str) -> str:
    # Line breaks part the three sentences of an answer.
    return " ".join(caption.split()) if "\n" in caption or "\r" in caption else caption
