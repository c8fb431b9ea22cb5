"""Encode instruction rows, choose the rows of each step and process, and collate them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.utils.data import Dataset, Sampler

from vsdkit.conversation import Conversation
from vsdkit.data.images import ImageFile, open_image
from vsdkit.data.records import InstructionRow
from vsdkit.data.spans import Span
from vsdkit.errors import DataError, TemplateError
from vsdkit.model.families import ImagePreparer, PreparedImage
from vsdkit.model.prompt_ids import encode

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
    """All tokens."""
    image: int
    """Of these, the image's."""


class Example(NamedTuple):
    """A row as the model takes it."""

    ids: list[int]
    """Token ids, not padded."""
    labels: list[int]
    """What each position is to be, ``IGNORED`` where nothing is trained."""
    image: PreparedImage
    """Its image."""


def labels_of(
    ids: Sequence[int], offsets: Sequence[tuple[int, int]], trained: Sequence[Span]
) -> list[int]:
    """Return the id where a token belongs to an answer or its stop token, ``IGNORED`` elsewhere.

    Args:
        ids: Token ids.
        offsets: Half-open character span of each.
        trained: Character spans of the answers, each from behind the prompt to behind the stop
            token.

    Raises:
        TemplateError: If a token lies half inside, so that a part of the prompt would be trained.
    """
    labels = []
    for token, (start, end) in zip(ids, offsets, strict=True):
        label = IGNORED
        for span in trained:
            # An empty span, as BOS has it, is inside of nothing.
            if max(start, span.start) < min(end, span.end):
                if start < span.start or end > span.end:
                    raise TemplateError(
                        f"the token of characters {start} to {end} lies across the border of the "
                        f"answer, {span.start} to {span.end}",
                        hint="use a conversation format with a blank before the answer",
                    )
                label = token
        labels.append(label)
    return labels


@dataclass(frozen=True, slots=True)
class RowEncoder:
    """Turns the text of rows into ids and labels, and names the row where that fails."""

    tokenizer: PreTrainedTokenizerBase
    """The base's."""
    conversation: Conversation
    """Makes one text of question and answer."""
    image_id: int
    """Id of the base's image token."""
    longest: int
    """Most tokens the language model has positions for."""
    source: Path
    """Where the rows come from, for messages."""

    def place(self, row: InstructionRow) -> str:
        """Return how messages name a row: file, id and task."""
        return f"{self.source}: id {row.id!r}, task {row.task}"

    def encode(self, row: InstructionRow, *, image_tokens: int) -> tuple[list[int], list[int]]:
        """Return a row's ids and labels.

        Args:
            row: Question and answer.
            image_tokens: Tokens of its image.

        Raises:
            DataError: If nothing of it would be trained, the answer does not end with the
                tokenizer's stop token, question or answer hold a special token, or it is too
                long; the row's id is named.
        """
        where = self.place(row)
        try:
            rendered = self.conversation.render(row.question, row.answer)
            encoded = encode(
                self.tokenizer,
                rendered.text,
                image_id=self.image_id,
                image_tokens=image_tokens,
                content=rendered.content,
            )
            labels = labels_of(encoded.ids, encoded.offsets, rendered.trained)
        except (DataError, TemplateError) as error:
            raise DataError(error.message, where=where, hint=error.hint) from error
        if all(label == IGNORED for label in labels):
            raise DataError(
                "no label: nothing of this row would be trained",
                where=where,
                hint="fix or remove the row, or build the instructions again",
            )
        if labels[-1] != self.tokenizer.eos_token_id:
            raise DataError(
                f"the answer does not end with the model's stop token {self.tokenizer.eos_token!r}",
                where=where,
                hint="use a conversation format that ends answers with "
                f"{self.tokenizer.eos_token!r}",
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

    Index ``~i`` gives row ``i`` without labels: it pads the last batch of an epoch, so that every
    process has work in every micro-batch, and adds nothing to loss or gradient.

    Args:
        rows: Instruction rows.
        files: Image name to its file and size.
        encoder: Makes ids and labels.
        preparer: Makes the images' tensors.
    """

    def __init__(
        self,
        rows: Sequence[InstructionRow],
        *,
        files: Mapping[str, ImageFile],
        encoder: RowEncoder,
        preparer: ImagePreparer,
    ) -> None:
        self._rows = rows
        self._files = files
        self._encoder = encoder
        self._preparer = preparer

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

    def __getitem__(self, index: int) -> Example:
        """Return one row.

        Raises:
            DataError: If its image is gone or damaged since the run began; row and file are named.
        """
        pads = index < 0
        row = self._rows[~index if pads else index]
        try:
            opened = open_image(Path(self._files[row.image].path))
        except DataError as error:
            # All were opened before the first step: leaving its rows out is no way any more.
            raise error.at(
                self._encoder.place(row), hint="put the picture back as it was when the run began"
            ) from error
        image = self._preparer.prepare(opened)
        ids, labels = self._encoder.encode(row, image_tokens=image.n_tokens)
        return Example(ids, [IGNORED] * len(ids) if pads else labels, image)

    def name(self, index: int) -> str:
        """Return how messages name a row, without its file."""
        row = self._rows[index]
        return f"id {row.id!r}, task {row.task}"

    def count_tokens(self, index: int) -> TokenCount:
        """Return the tokens of one row without opening its image.

        Raises:
            DataError: If the row cannot be trained; its id is named.
        """
        row = self._rows[index]
        file = self._files[row.image]
        in_image = self._preparer.count_tokens((file.height, file.width))
        ids, _ = self._encoder.encode(row, image_tokens=in_image)
        return TokenCount(len(ids), in_image)


class GlobalBatches(Sampler[list[int]]):
    """What one process takes in each micro-batch, over all steps and epochs.

    The rows of a step depend on the seed alone: however many processes share them out, their
    union is the same. Each epoch has an order of its own; its last step is padded with rows
    without labels (``~i``).

    Args:
        rows: How many there are.
        steps: Optimiser steps.
        per_device: Rows a micro-batch.
        accumulation: Micro-batches a step and process.
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
        """Return the number of micro-batches."""
        return self._steps * self._accumulation

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the row indices of each micro-batch."""
        share = self._per_device * self._processes
        for batch in self._global_batches():
            for micro_batch in range(self._accumulation):
                start = micro_batch * share + self._rank * self._per_device
                yield batch[start : start + self._per_device]

    def rows_of_step(self, step: int) -> list[int]:
        """Return the rows of one step, of all processes, without those that pad.

        Args:
            step: Counted from 1, at most the number of steps.
        """
        batch = next(islice(self._global_batches(), step - 1, None))
        return [row for row in batch if row >= 0]

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
                # Around again where the epoch has fewer rows than a step.
                padding = [~order[place % self._rows] for place in range(size - len(batch))]
                yield batch + padding
                step += 1


def collate(examples: Sequence[Example], *, pad: int, preparer: ImagePreparer) -> dict[str, Any]:
    """Return a batch, padded on the right.

    Only positions that some row of the batch learns from get logits: about 20 of 660 with one
    tile, which saves the memory of the others' 32,064 numbers each.

    Args:
        examples: Rows.
        pad: Id that pads.
        preparer: The one that prepared the images.

    Returns:
        ``input_ids``, ``attention_mask``, ``labels`` ``[rows, longest]``; ``logits_to_keep``
        ``[kept]``; ``shift_labels`` ``[rows, kept]``: what each kept position predicts; what the
        preparer adds.
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
    # A position predicts the token behind it. Models shift the labels themselves, but only if
    # they see logits of all positions; of chosen ones they need to be told what each predicts.
    following = torch.full_like(labels, IGNORED)
    following[:, :-1] = labels[:, 1:]
    # One choice for all rows, since logits_to_keep cuts the batch's positions and not a row's;
    # a row that does not learn from a kept position has IGNORED there.
    keep = (following != IGNORED).any(dim=0).nonzero()[:, 0]
    if not len(keep):
        # A batch that only pads still goes through the model, with a loss of 0.
        keep = torch.zeros(1, dtype=torch.long)
    return {
        "input_ids": ids,
        "attention_mask": mask,
        # The loss takes shift_labels; the Trainer counts a step's trained tokens from these.
        "labels": labels,
        "logits_to_keep": keep,
        "shift_labels": following[:, keep],
        **preparer.collate([example.image for example in examples], ids),
    }
