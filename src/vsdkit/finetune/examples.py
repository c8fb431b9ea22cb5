"""Instruction rows -> ids, labels, pictures, batches; which rows each step and process takes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.utils.data import Dataset, Sampler

from vsdkit.conversation import Conversation
from vsdkit.data.images import ImageFile, open_image
from vsdkit.data.records import InstructionRow
from vsdkit.data.spans import Span
from vsdkit.errors import DataError, TemplateError
from vsdkit.model import ImagePreparer, PreparedImage, collate_images, encode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = [
    "IGNORED",
    "Example",
    "GlobalBatches",
    "RowEncoder",
    "TokenCount",
    "TrainingRows",
    "collate",
    "labels_of",
]

IGNORED = -100
"""Label of a token that is not trained: torch's cross-entropy passes over it."""


class TokenCount(NamedTuple):
    """Length of a row."""

    row: int
    picture: int
    """Of these, the picture's."""


class Example(NamedTuple):
    """A row as the model takes it."""

    ids: list[int]
    labels: list[int]
    picture: PreparedImage


def labels_of(ids: Sequence[int], offsets: Sequence[tuple[int, int]], trained: Span) -> list[int]:
    """Return the id where a token belongs to the answer or its stop token, ``IGNORED`` elsewhere.

    Args:
        ids: Token ids.
        offsets: Half-open character span of each.
        trained: Character span of the answer, from the blank before it to behind its stop token.

    Raises:
        TemplateError: If a token lies half inside, so that a part of the prompt would be trained.
    """
    labels = []
    for token, (start, end) in zip(ids, offsets, strict=True):
        inside = max(start, trained.start) < min(end, trained.end)
        if inside and not (trained.start <= start and end <= trained.end):
            raise TemplateError(
                f"the token of characters {start} to {end} lies across the border of the answer, "
                f"{trained.start} to {trained.end}",
                hint="use a conversation format with a blank before the answer",
            )
        labels.append(token if inside else IGNORED)
    return labels


@dataclass(frozen=True, slots=True)
class RowEncoder:
    """Turns the text of rows into ids and labels, and names the row where that fails."""

    tokenizer: PreTrainedTokenizerBase
    conversation: Conversation
    longest: int
    """Most tokens the language model has positions for."""
    source: Path
    """Where the rows come from, for messages."""

    def encode(self, row: InstructionRow, *, image_tokens: int) -> tuple[list[int], list[int]]:
        """Return a row's ids and labels.

        Args:
            row: Question and answer.
            image_tokens: Tokens of its picture.

        Raises:
            DataError: If nothing of it would be trained, the answer does not end with the
                tokenizer's stop token, or it is too long; the row's id is named.
        """
        where = f"{self.source}: id {row.id!r}, task {row.task}"
        try:
            rendered = self.conversation.render(row.question, row.answer)
            assert rendered.trained is not None
            encoded = encode(self.tokenizer, rendered.text, image_tokens=image_tokens)
            labels = labels_of(encoded.ids, encoded.offsets, rendered.trained)
        except (DataError, TemplateError) as error:
            raise DataError(error.message, where=where, hint=error.hint) from error
        if all(label == IGNORED for label in labels):
            raise DataError(
                "no label: nothing of this row would be trained",
                where=where,
                hint="mend or remove the row, or build the instructions again",
            )
        if labels[-1] != self.tokenizer.eos_token_id:
            raise DataError(
                f"the answer does not end with the model's stop token {self.tokenizer.eos_token!r}",
                where=where,
                hint=f"use a conversation format with stop: {self.tokenizer.eos_token!r}",
            )
        if len(labels) > self.longest:
            raise DataError(
                f"{len(labels):,} tokens, the model has positions for {self.longest:,}",
                where=where,
                hint="use --image-mode single, or remove the row",
            )
        return encoded.ids, labels


class TrainingRows(Dataset[Example]):
    """The rows, opened and encoded when they are asked for.

    Index ``~i`` gives row ``i`` without labels: it fills up the last batch of an epoch, so that
    every process has work in every turn, and adds nothing to loss or gradient.

    Args:
        rows: Instruction rows.
        files: Image name to its file and size.
        encoder: Makes ids and labels.
        pictures: Makes crops.
    """

    def __init__(
        self,
        rows: Sequence[InstructionRow],
        *,
        files: Mapping[str, ImageFile],
        encoder: RowEncoder,
        pictures: ImagePreparer,
    ) -> None:
        self._rows = rows
        self._files = files
        self._encoder = encoder
        self._pictures = pictures

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

    def __getitem__(self, index: int) -> Example:
        """Return one row."""
        fills = index < 0
        row = self._rows[~index if fills else index]
        picture = self._pictures.prepare(open_image(Path(self._files[row.image].path)))
        ids, labels = self._encoder.encode(row, image_tokens=picture.n_tokens)
        return Example(ids, [IGNORED] * len(ids) if fills else labels, picture)

    def count_tokens(self, index: int) -> TokenCount:
        """Return the tokens of one row without opening its picture.

        Raises:
            DataError: If the row cannot be trained; its id is named.
        """
        row = self._rows[index]
        file = self._files[row.image]
        in_picture = self._pictures.count_tokens((file.height, file.width))
        ids, _ = self._encoder.encode(row, image_tokens=in_picture)
        return TokenCount(len(ids), in_picture)


class GlobalBatches(Sampler[list[int]]):
    """What one process takes in each turn, over all steps and epochs.

    The rows of a step depend on the seed alone: however many processes share them out, their
    union is the same. Each epoch has an order of its own; its last step is filled up with rows
    without labels (``~i``).

    Args:
        rows: How many there are.
        steps: Optimiser steps.
        per_device: Rows a turn and process.
        accumulation: Turns a step.
        processes: Processes in all.
        rank: Which of them this is.
        seed: Gives the order.
    """

    def __init__(
        self,
        *,
        rows: int,
        steps: int,
        per_device: int,
        accumulation: int,
        processes: int,
        rank: int,
        seed: int,
    ) -> None:
        self._rows = rows
        self._steps = steps
        self._per_device = per_device
        self._accumulation = accumulation
        self._processes = processes
        self._rank = rank
        self._seed = seed

    def __len__(self) -> int:
        """Return the number of turns."""
        return self._steps * self._accumulation

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the row indices of each turn."""
        share = self._per_device * self._processes
        for batch in self._global_batches():
            for turn in range(self._accumulation):
                start = turn * share + self._rank * self._per_device
                yield batch[start : start + self._per_device]

    def _global_batches(self) -> Iterator[list[int]]:
        size = self._per_device * self._processes * self._accumulation
        step = 0
        for epoch in range(self._steps):
            order = list(range(self._rows))
            random.Random(f"{self._seed} {epoch}").shuffle(order)
            for start in range(0, self._rows, size):
                if step == self._steps:
                    return
                batch = order[start : start + size]
                fill = [~order[place % self._rows] for place in range(size - len(batch))]
                yield batch + fill
                step += 1


def collate(examples: Sequence[Example], *, pad: int) -> dict[str, Any]:
    """Return a batch, filled up on the right.

    Only positions that some row of the batch learns from get logits: about 20 of 660 with one
    tile, which saves the memory of the others' 32,064 numbers each.

    Args:
        examples: Rows.
        pad: Id that fills up.

    Returns:
        ``input_ids``, ``attention_mask``, ``labels`` ``[rows, longest]``; ``logits_to_keep``
        ``[kept]``; ``shift_labels`` ``[rows, kept]``: what each kept position predicts; the
        pictures.
    """
    longest = max(len(example.ids) for example in examples)
    ids = torch.full((len(examples), longest), pad)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, IGNORED)
    for row, example in enumerate(examples):
        length = len(example.ids)
        ids[row, :length] = torch.tensor(example.ids)
        mask[row, :length] = 1
        labels[row, :length] = torch.tensor(example.labels)
    following = torch.full_like(labels, IGNORED)
    following[:, :-1] = labels[:, 1:]
    keep = (following != IGNORED).any(dim=0).nonzero()[:, 0]
    if not len(keep):
        # A batch that only fills up still goes through the model, with a loss of 0.
        keep = torch.zeros(1, dtype=torch.long)
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "labels": labels,
        "logits_to_keep": keep,
        "shift_labels": following[:, keep],
        **collate_images([example.picture for example in examples]),
    }
