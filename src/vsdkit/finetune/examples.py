"""Encode instruction rows, open their images, and collate rows of an image each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.utils.data import Dataset

from vsdkit.conversation import Conversation
from vsdkit.data.images import ImageFile, open_image
from vsdkit.data.records import InstructionRow
from vsdkit.data.spans import Span
from vsdkit.errors import DataError, TemplateError
from vsdkit.finetune.order import Bundle, RowTokens
from vsdkit.model.families import ImagePreparer, PreparedImage
from vsdkit.model.prompt_ids import encode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = [
    "IGNORED",
    "EncodedRow",
    "Example",
    "RowEncoder",
    "TrainingRows",
    "collate_rows",
    "labels_of",
]

IGNORED = -100
"""Label of a token that is not trained: torch's cross-entropy passes over it."""


class EncodedRow(NamedTuple):
    """The text of a row as the model takes it."""

    ids: list[int]
    """Token ids, not padded."""
    labels: list[int]
    """What each position is to be, ``IGNORED`` where nothing is trained."""
    prefix: int
    """How many ids there are up to the image's last, that one included."""


class Example(NamedTuple):
    """An image and rows about it as the model takes them."""

    rows: tuple[EncodedRow, ...]
    image: PreparedImage
    """Their image."""
    rows_of_image: int
    """How many rows the whole data set has about it: what its weight comes from."""


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

    def encode(self, row: InstructionRow, *, image_tokens: int) -> EncodedRow:
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
        prefix = encoded.ids.index(self.image_id) + image_tokens
        return EncodedRow(encoded.ids, labels, prefix)

    def encode_short(self, row: InstructionRow, *, image_tokens: int) -> EncodedRow:
        """Return a row with one token in place of its image, looked at as if it had all.

        For counting: passing over 2,340 ids of an image takes longer than all the rest.

        Raises:
            DataError: As ``encode`` does.
        """
        short = self.encode(row, image_tokens=1)
        if len(short.ids) - 1 + image_tokens > self.longest:
            # Raises, with the row's whole length.
            self.encode(row, image_tokens=image_tokens)
        return short


class TrainingRows(Dataset[Example]):
    """The rows, opened and encoded when they are asked for.

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
        self._image_of_row = [row.image for row in rows]
        self._rows_of_images = Counter(self._image_of_row)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

    def __getitem__(self, bundle: Bundle) -> Example:
        """Return the image of a bundle and its rows, without labels if it only pads.

        Raises:
            DataError: If the image is gone or damaged since the run began; row and file are named.
        """
        rows = [self._rows[place] for place in bundle.rows]
        name = rows[0].image
        try:
            opened = open_image(Path(self._files[name].path))
        except DataError as error:
            # All were opened before the first step: leaving its rows out is no way any more.
            raise error.at(
                self._encoder.place(rows[0]),
                hint="put the picture back as it was when the run began",
            ) from error
        image = self._preparer.prepare(opened)
        encoded = [self._encoder.encode(row, image_tokens=image.n_tokens) for row in rows]
        if not bundle.trained:
            encoded = [row._replace(labels=[IGNORED] * len(row.ids)) for row in encoded]
        return Example(tuple(encoded), image, self._rows_of_images[name])

    def image_of_row(self) -> list[int]:
        """Return the image of each row, as its number."""
        numbers = {name: number for number, name in enumerate(self._rows_of_images)}
        return [numbers[name] for name in self._image_of_row]

    def name(self, place: int) -> str:
        """Return how messages name a row, without its file."""
        row = self._rows[place]
        return f"id {row.id!r}, task {row.task}"

    def count_tokens(self, place: int) -> RowTokens:
        """Return the tokens of one row without opening its image.

        Raises:
            DataError: If the row cannot be trained; its id is named.
        """
        row = self._rows[place]
        file = self._files[row.image]
        in_image = self._preparer.count_tokens((file.height, file.width))
        short = self._encoder.encode_short(row, image_tokens=in_image)
        more = in_image - 1
        return RowTokens(len(short.ids) + more, in_image, short.prefix + more)


def collate_rows(
    examples: Sequence[Example], *, pad: int, preparer: ImagePreparer
) -> dict[str, Any]:
    """Return a batch of rows with an image each, padded on the right.

    Only positions that some row of the batch learns from get logits: about 20 of 660 with one
    tile, which saves the memory of the others' 32,064 numbers each.

    Args:
        examples: Images with one row each.
        pad: Id that pads.
        preparer: The one that prepared the images.

    Returns:
        ``input_ids``, ``attention_mask`` ``[rows, longest]``; ``logits_to_keep`` ``[kept]``;
        ``shift_labels``, ``rows_of_image`` ``[rows, kept]``: what each kept position predicts, and
        how many rows its image has; what the preparer adds.
    """
    rows = [row for example in examples for row in example.rows]
    longest = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), longest), pad)
    mask = torch.zeros_like(ids)
    # A position predicts the token behind it; the last one nothing.
    following = torch.full_like(ids, IGNORED)
    for place, row in enumerate(rows):
        length = len(row.ids)
        ids[place, :length] = torch.tensor(row.ids)
        mask[place, :length] = 1
        following[place, : length - 1] = torch.tensor(row.labels[1:])
    # One choice for all rows, since logits_to_keep cuts the batch's positions and not a row's;
    # a row that does not learn from a kept position has IGNORED there.
    keep = (following != IGNORED).any(dim=0).nonzero()[:, 0]
    if not len(keep):
        # A batch that only pads still goes through the model, with a loss of 0.
        keep = torch.zeros(1, dtype=torch.long)
    counts = torch.tensor([example.rows_of_image for example in examples])
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "logits_to_keep": keep,
        "shift_labels": following[:, keep],
        "rows_of_image": counts[:, None].expand(-1, len(keep)),
        **preparer.collate([example.image for example in examples], ids),
    }
