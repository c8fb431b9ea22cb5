"""Which rows each process takes in each micro-batch: rows alone, or with the others of an image."""

from __future__ import annotations

import heapq
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import NamedTuple

from vsdkit.settings.defaults import Batching

__all__ = [
    "Bundle",
    "Division",
    "ImageBatches",
    "RowBatches",
    "RowTokens",
    "StepBatches",
    "count_tokens",
    "make_batches",
]


class Bundle(NamedTuple):
    """Rows about one image that go through the model together, and with them the image once."""

    rows: tuple[int, ...]
    """Their places in the table of rows."""
    trained: bool = True
    """False for a bundle that only pads, so that each process has work in each micro-batch: it has
    no labels and adds nothing to loss or gradient."""


class RowTokens(NamedTuple):
    """Length of a row in tokens."""

    row: int
    """All of them."""
    image: int
    """Of these, the image's."""
    prefix: int
    """Up to the image's last one, that one included: what the rows of an image have in common."""


def count_tokens(bundle: Bundle, tokens: Sequence[RowTokens]) -> int:
    """Return the tokens of a bundle: the image's once, and those of each row behind it.

    Args:
        bundle: Rows of one image.
        tokens: Length of each row of the table.
    """
    own = sum(tokens[row].row - tokens[row].prefix for row in bundle.rows)
    return tokens[bundle.rows[0]].prefix + own


@dataclass(frozen=True, slots=True)
class Division:
    """How steps are shared out over processes and micro-batches."""

    steps: int
    """Optimiser steps of the run, over all epochs."""
    per_device: int
    """Rows a micro-batch: exactly so many, or in the mean."""
    accumulation: int
    """Micro-batches a step and process."""
    processes: int
    """In all."""

    @property
    def micro_batches(self) -> int:
        """Those of a step, of all processes."""
        return self.processes * self.accumulation

    @property
    def rows(self) -> int:
        """Those of a step: the global batch."""
        return self.micro_batches * self.per_device


class StepBatches(ABC):
    """What one process takes in each micro-batch, over all steps and epochs.

    The rows of a step depend on the seed alone: however many processes share them out, their
    union is the same. Each epoch has an order of its own, and each of its rows once.

    Args:
        division: How a step is shared out.
        rank: Which process this is.
        seed: Gives the order.
    """

    def __init__(self, division: Division, *, rank: int, seed: int) -> None:
        self._division = division
        self._rank = rank
        self._seed = seed

    def __len__(self) -> int:
        """Return the number of micro-batches of this process."""
        return self._division.steps * self._division.accumulation

    def __iter__(self) -> Iterator[list[Bundle]]:
        """Yield the bundles of each micro-batch of this process."""
        for rows in self._rows_of_steps():
            yield from self._share(rows)[self._rank :: self._division.processes]

    def rows_of_step(self, step: int) -> list[int]:
        """Return the rows that all processes together take in a step, counted from 1."""
        return next(islice(self._rows_of_steps(), step - 1, None))

    def micro_batches_of_steps(self) -> Iterator[list[list[Bundle]]]:
        """Yield each step's micro-batches, those of all processes."""
        for rows in self._rows_of_steps():
            yield self._share(rows)

    def _rows_of_steps(self) -> Iterator[list[int]]:
        size, steps = self._division.rows, self._division.steps
        done = 0
        for epoch in range(steps):
            order = self._order(random.Random(f"{self._seed} {epoch}"))
            for start in range(0, len(order), size):
                if done == steps:
                    return
                yield order[start : start + size]
                done += 1

    @abstractmethod
    def _order(self, source: random.Random) -> list[int]:
        """Return all rows in the order of an epoch."""

    @abstractmethod
    def _share(self, rows: list[int]) -> list[list[Bundle]]:
        """Return the micro-batches of a step, those of all processes: ``micro_batches`` of them."""


class RowBatches(StepBatches):
    """Each row with an image of its own; the last step of an epoch is padded.

    Args:
        division: How a step is shared out.
        rows: How many there are.
        rank: Which process this is.
        seed: Gives the order.
    """

    def __init__(self, division: Division, *, rows: int, rank: int, seed: int) -> None:
        super().__init__(division, rank=rank, seed=seed)
        self._rows = rows

    def _order(self, source: random.Random) -> list[int]:
        order = list(range(self._rows))
        source.shuffle(order)
        return order

    def _share(self, rows: list[int]) -> list[list[Bundle]]:
        missing = self._division.rows - len(rows)
        bundles = [Bundle((row,)) for row in rows]
        # Around again where the epoch has fewer rows than a step.
        bundles += [Bundle((rows[at % len(rows)],), trained=False) for at in range(missing)]
        size = self._division.per_device
        return [bundles[start : start + size] for start in range(0, len(bundles), size)]


class ImageBatches(StepBatches):
    """The rows of an image together, so that its tokens go through the model once.

    An epoch takes the images in an order of its own, and of each the rows. Steps are cut from that
    line of rows, so that each has exactly its global batch; an image whose rows lie on both sides
    of a cut is in two steps. A step's images are spread over the micro-batches so that the longest
    micro-batch is short: all processes wait for it.

    Args:
        division: How a step is shared out.
        image_of_row: The image of each row, as its number.
        tokens: Length of each row.
        rank: Which process this is.
        seed: Gives the order.
    """

    def __init__(
        self,
        division: Division,
        *,
        image_of_row: Sequence[int],
        tokens: Sequence[RowTokens],
        rank: int,
        seed: int,
    ) -> None:
        super().__init__(division, rank=rank, seed=seed)
        self._image_of_row = image_of_row
        self._tokens = tokens
        rows: dict[int, list[int]] = {}
        for row, image in enumerate(image_of_row):
            rows.setdefault(image, []).append(row)
        self._rows_of_images = list(rows.values())

    def count(self, bundle: Bundle) -> int:
        """Return the tokens of a bundle."""
        return count_tokens(bundle, self._tokens)

    def _order(self, source: random.Random) -> list[int]:
        images = list(range(len(self._rows_of_images)))
        source.shuffle(images)
        order = []
        for image in images:
            rows = list(self._rows_of_images[image])
            # Which of an image's rows meet in a step at a cut is left to chance too.
            source.shuffle(rows)
            order += rows
        return order

    def _share(self, rows: list[int]) -> list[list[Bundle]]:
        bundles = self._bundles(rows)
        shares: list[list[Bundle]] = [[] for _ in range(self._division.micro_batches)]
        # Longest first, each to the micro-batch that is shortest so far: at most a third longer
        # than the best division (Graham 1969).
        shortest = [(0, at) for at in range(len(shares))]
        for bundle in sorted(bundles, key=lambda one: (-self.count(one), one)):
            tokens, at = heapq.heappop(shortest)
            shares[at].append(bundle)
            heapq.heappush(shortest, (tokens + self.count(bundle), at))
        least = min(bundles, key=lambda one: (self.count(one), one))
        # Every process must take part in every micro-batch: ZeRO-3 gathers weights in each.
        return [share or [least._replace(trained=False)] for share in shares]

    def _bundles(self, rows: list[int]) -> list[Bundle]:
        """Return a step's rows by image, none larger than a micro-batch, enough for all of them."""
        size = self._division.per_device
        bundles = []
        for _, group in groupby(rows, key=self._image_of_row.__getitem__):
            own = tuple(group)
            bundles += [Bundle(own[at : at + size]) for at in range(0, len(own), size)]
        while len(bundles) < self._division.micro_batches:
            largest = max(bundles, key=lambda one: (len(one.rows), one))
            half = len(largest.rows) // 2
            if not half:
                break
            bundles.remove(largest)
            bundles += [Bundle(largest.rows[:half]), Bundle(largest.rows[half:])]
        return bundles


def make_batches(
    batching: Batching,
    division: Division,
    *,
    image_of_row: Sequence[int],
    tokens: Sequence[RowTokens],
    rank: int,
    seed: int,
) -> StepBatches:
    """Return what a process takes in each micro-batch.

    Args:
        batching: ``rows`` or ``pictures``.
        division: How a step is shared out.
        image_of_row: The image of each row, as its number.
        tokens: Length of each row.
        rank: Which process this is.
        seed: Gives the order.
    """
    if batching == "rows":
        return RowBatches(division, rows=len(image_of_row), rank=rank, seed=seed)
    return ImageBatches(division, image_of_row=image_of_row, tokens=tokens, rank=rank, seed=seed)
