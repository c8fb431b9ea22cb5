"""How long questions and answers are: in tokens where a tokenizer is at hand, else in words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from vsdkit.data.records import TASKS
from vsdkit.progress import Listener

__all__ = ["Bar", "Histogram", "count_lengths", "make_histogram", "token_counter", "word_counter"]

LengthCounter = Callable[[Sequence[str]], list[int]]
"""Returns the length of each text."""

_TEXTS_AT_ONCE = 1000
"""Texts that are tokenised together, on several threads."""
_BARS = 24
"""Of a histogram, at most."""


class Bar(NamedTuple):
    """A bar of a histogram."""

    first: int
    """Shortest length."""
    last: int
    """Longest length."""
    rows: int
    height: float
    """Of the highest bar, in percent."""


class Histogram(NamedTuple):
    """Lengths of the questions or of the answers of a task."""

    task: int
    what: str
    """``question`` or ``answer``."""
    median: int
    p95: int
    """95 of 100 rows are at most so long."""
    longest: int
    bars: tuple[Bar, ...]


def word_counter(texts: Sequence[str]) -> list[int]:
    """Return how many words each text has."""
    return [len(text.split()) for text in texts]


def token_counter(tokenizer: Any) -> LengthCounter:
    """Return what counts the tokens of texts, each alone and without BOS.

    In a row a token may join an answer with the blank before it: that changes a length by one.
    """

    def count(texts: Sequence[str]) -> list[int]:
        batch = tokenizer(
            list(texts),
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        return [len(ids) for ids in batch["input_ids"]]

    return count


def count_lengths(
    texts: Mapping[tuple[int, str], int], count: LengthCounter, *, listener: Listener, what: str
) -> list[Histogram]:
    """Return the lengths of each task's texts.

    Args:
        texts: Task and text to the number of its rows.
        count: Gives the lengths of texts.
        listener: Shows a bar.
        what: ``question`` or ``answer``.
    """
    lengths: dict[int, Counter[int]] = {task: Counter() for task in TASKS}
    with listener.track(f"measuring {what}s", total=len(texts)) as tracker:
        for part in _parts(texts.items()):
            for ((task, _), rows), length in zip(
                part, count([text for (_, text), _ in part]), strict=True
            ):
                lengths[task][length] += rows
            tracker.advance(len(part))
    return [
        make_histogram(counts, task=task, what=what) for task, counts in lengths.items() if counts
    ]


def _parts(
    texts: Iterable[tuple[tuple[int, str], int]],
) -> Iterator[Sequence[tuple[tuple[int, str], int]]]:
    iterator = iter(texts)
    while part := list(islice(iterator, _TEXTS_AT_ONCE)):
        yield part


def make_histogram(counts: Mapping[int, int], *, task: int, what: str) -> Histogram:
    """Return the histogram of lengths.

    Args:
        counts: Length to the number of rows; not empty.
        task: Whose.
        what: ``question`` or ``answer``.

    >>> make_histogram({3: 1, 4: 2, 9: 1}, task=1, what="answer")[2:5]
    (4, 9, 9)
    """
    shortest, longest = min(counts), max(counts)
    width = math.ceil((longest - shortest + 1) / _BARS)
    rows = Counter[int]()
    for length, count in counts.items():
        rows[(length - shortest) // width] += count
    highest = max(rows.values())
    bars = tuple(
        Bar(
            first=shortest + place * width,
            last=min(shortest + (place + 1) * width - 1, longest),
            rows=rows[place],
            height=round(100 * rows[place] / highest, 2),
        )
        for place in range((longest - shortest) // width + 1)
    )
    return Histogram(task, what, _quantile(counts, 0.5), _quantile(counts, 0.95), longest, bars)


def _quantile(counts: Mapping[int, int], share: float) -> int:
    """Return the shortest length that covers a share of the rows."""
    wanted = share * sum(counts.values())
    covered = 0
    for length in sorted(counts):
        covered += counts[length]
        if covered >= wanted:
            return length
    return max(counts)
