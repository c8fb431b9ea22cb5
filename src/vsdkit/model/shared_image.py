"""Questions about an image answered together: the image goes through the model once.

A sequence is an image with what stands before it (the prefix), then the questions about it one
after another, then what is written to each, in turns: a step of writing adds one token to every
answer that is under way. A token sees the prefix and what belongs to its own question, and its
position goes on where that ended. So each answer is the one that the question gets in a prompt of
its own (``generation.generate``), to the rounding of the number format, while the image's keys and
values are computed, kept and read once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from peft import PeftModel
from transformers.cache_utils import Cache

from vsdkit.errors import TemplateError
from vsdkit.model.generation import decode, encode_question, stop_id
from vsdkit.model.growing_cache import GrowingLayer
from vsdkit.model.prompt_ids import encode

if TYPE_CHECKING:
    from vsdkit.conversation import Conversation
    from vsdkit.model.checkpoint import Loaded
    from vsdkit.model.families import PreparedImage

__all__ = ["Answer", "AskedImage", "Question", "Sequences", "answer_images", "answer_one_image"]

_NOBODY = -1
"""Owner of padding."""
_PREFIX = 0
"""Owner of the prefix, which every token sees; the questions are 1, 2 and so on."""


class Question(NamedTuple):
    """One question, and how it is answered."""

    text: str
    """Without the image's mark."""
    max_new_tokens: int
    """Longest answer, the stop token included."""
    labels: tuple[str, ...] = ()
    """If there are any, the likeliest of them is the answer, and nothing is generated."""


class Answer(NamedTuple):
    """What a model answers."""

    text: str
    """Without the stop token and blanks around it."""
    finished: bool
    """Whether it came to the stop token by itself."""
    probabilities: Mapping[str, float] | None = None
    """Label to its probability among the labels; None where the answer was generated."""
    tokens: int = 0
    """Tokens of question and answer that went through the model, without the prefix."""


class AskedImage(NamedTuple):
    """An image and the questions about it."""

    image: PreparedImage
    """From the model's image preparer."""
    questions: Sequence[Question]
    """At least one."""


def answer_images(
    loaded: Loaded, conversation: Conversation, asked: Sequence[AskedImage]
) -> list[list[Answer]]:
    """Return the answers to the questions of each image, in their order, greedily.

    Args:
        loaded: A model in evaluation mode whose family shares images.
        conversation: What stands around a question.
        asked: Images that are answered as one batch.

    Raises:
        DataError: If a question holds a special token of the base.
        TemplateError: If it holds the image's mark or the stop token, the questions of an image
            do not begin alike, or the conversation's stop token is not one token to the base.
    """
    stop = stop_id(loaded, conversation)
    branches = [_encode(loaded, conversation, one) for one in asked]
    with torch.inference_mode():
        sequences = _read_images(loaded, asked, branches, stop=stop)
        _answer(sequences, branches, stop=stop)
    return [[row.answer(loaded, stop) for row in rows] for rows in branches]


def answer_one_image(
    loaded: Loaded, conversation: Conversation, asked: AskedImage, *, at_once: int
) -> list[Answer]:
    """Return the answers to any number of questions about one image, which is read once for all.

    Args:
        loaded: As for ``answer_images``.
        conversation: What stands around a question.
        asked: The image and its questions.
        at_once: Questions that are in the sequence at a time; then they make room for the next.

    Raises:
        DataError: See ``answer_images``.
        TemplateError: See ``answer_images``.
    """
    stop = stop_id(loaded, conversation)
    branches = _encode(loaded, conversation, asked)
    with torch.inference_mode():
        sequences = _read_images(loaded, [asked], [branches], stop=stop)
        image = sequences.length
        for start in range(0, len(branches), at_once):
            part = branches[start : start + at_once]
            for number, row in enumerate(part, start=_PREFIX + 1):
                row.number = number
            _answer(sequences, [part], stop=stop)
            sequences.forget(sequences.length - image)
    return [row.answer(loaded, stop) for row in branches]


def _read_images(
    loaded: Loaded,
    asked: Sequence[AskedImage],
    branches: Sequence[Sequence[_Branch]],
    *,
    stop: int,
) -> Sequences:
    sequences = Sequences(loaded, pad=stop)
    sequences.read_images([rows[0].prefix for rows in branches], [one.image for one in asked])
    return sequences


def _answer(sequences: Sequences, branches: Sequence[Sequence[_Branch]], *, stop: int) -> None:
    """Have the questions behind the images answered."""
    # Of each question its last token tells how the answer begins.
    first = iter(
        sequences.extend(
            [
                [(row.own_ids, row.start, row.number, row.number) for row in rows]
                for rows in branches
            ],
            last=True,
        )
    )
    begins = [[next(first)[0] for _ in rows] for rows in branches]
    _weigh_labels(sequences, branches, begins)
    _write(sequences, branches, begins, stop=stop)


@dataclass(slots=True)
class _Branch:
    """One question about an image, and what is written to it."""

    number: int
    """From 1 on: who owns its tokens."""
    question: Question
    prefix: list[int]
    """Ids up to the image's last: the same for all questions of an image."""
    own_ids: list[int]
    """Ids behind it."""
    labels: list[list[int]]
    """Ids of each label with the stop token."""
    said: list[int] = field(default_factory=list)
    """Ids written so far."""
    likelihoods: list[float] = field(default_factory=list)
    """Logarithm of each label's probability, the stop token's included."""
    under_way: bool = True
    """Whether more is to be written."""

    @property
    def start(self) -> int:
        """Position of its first token."""
        return len(self.prefix)

    def take(self, token: int, stop: int) -> None:
        """Note the next token."""
        self.said.append(token)
        self.under_way = token != stop and len(self.said) < self.question.max_new_tokens

    def answer(self, loaded: Loaded, stop: int) -> Answer:
        if self.question.labels:
            shares = torch.tensor(self.likelihoods, dtype=torch.float64).softmax(0).tolist()
            probabilities = dict(zip(self.question.labels, shares, strict=True))
            read = len(self.own_ids) + sum(len(ids) - 1 for ids in self.labels)
            return Answer(
                max(probabilities, key=probabilities.__getitem__), True, probabilities, read
            )
        text, finished = decode(loaded, self.said, stop)
        return Answer(text, finished, None, len(self.own_ids) + len(self.said))


def _encode(loaded: Loaded, conversation: Conversation, asked: AskedImage) -> list[_Branch]:
    branches = []
    image_id, image_tokens = loaded.image_id, asked.image.n_tokens
    for number, question in enumerate(asked.questions, start=_PREFIX + 1):
        ids = encode_question(loaded, conversation, question.text, image_tokens=image_tokens)
        cut = len(ids) - ids[::-1].index(image_id)
        labels = []
        for label in question.labels:
            rendered = conversation.render(question.text, label)
            whole = encode(
                loaded.tokenizer,
                rendered.text,
                image_id=image_id,
                image_tokens=image_tokens,
                content=rendered.content,
            ).ids
            if whole[: len(ids)] != ids:
                raise TemplateError(
                    f"the prompt has other tokens where the label {label!r} follows",
                    where=f"conversation {conversation.name}",
                    hint="use a conversation format with a blank before the answer",
                )
            labels.append(whole[len(ids) :])
        branches.append(_Branch(number, question, ids[:cut], ids[cut:], labels))
    if any(one.prefix != branches[0].prefix for one in branches):
        raise TemplateError(
            "the questions about an image do not begin alike, so they cannot share it",
            where=f"conversation {conversation.name}",
        )
    if not all(one.own_ids for one in branches):
        raise TemplateError(
            "a prompt ends with the image, so its questions cannot share it",
            where=f"conversation {conversation.name}",
            hint="use a conversation format with the question behind the image",
        )
    return branches


Piece = tuple[Sequence[int], int, int, int]
"""Ids, the position of the first, their owner, and the owner of what else they see."""


class Sequences:
    """One growing sequence an image, all in one batch, with the cache of their keys and values.

    Args:
        loaded: The model that reads them.
        pad: Id that pads the shorter ones.
    """

    def __init__(self, loaded: Loaded, *, pad: int) -> None:
        self._loaded = loaded
        self._pad = pad
        # With an adapter in its layers the base is inside of PEFT's model.
        whole = loaded.model
        self._base = whole.get_base_model() if isinstance(whole, PeftModel) else whole
        self._device = self._base.get_input_embeddings().weight.device
        self._cache = Cache(layer_class_to_replicate=GrowingLayer)
        self._owners = torch.empty((0, 0), dtype=torch.long)

    def read_images(
        self, prefixes: Sequence[Sequence[int]], images: Sequence[PreparedImage]
    ) -> None:
        """Compute keys and values of the images and what stands before them."""
        self._owners = torch.empty((len(prefixes), 0), dtype=torch.long, device=self._device)
        width = max(map(len, prefixes))
        ids, positions, owners = [], [], []
        for prefix in prefixes:
            # On the left, as prompts are padded.
            missing = width - len(prefix)
            ids.append([self._pad] * missing + list(prefix))
            positions.append([0] * missing + list(range(len(prefix))))
            owners.append([_NOBODY] * missing + [_PREFIX] * len(prefix))
        tensors = self._loaded.preparer.collate(images, torch.tensor(ids))
        dtype = self._loaded.precision.dtype
        batch = {
            name: value.to(self._device, dtype if value.is_floating_point() else None)
            for name, value in tensors.items()
        }
        # Without padding torch's own causal attention does, which is the fastest.
        masked = len(set(map(len, prefixes))) > 1
        self._forward(ids, positions, owners, owners, masked=masked, **batch)

    def extend(
        self, pieces: Sequence[Sequence[Piece]], *, last: bool = False
    ) -> list[torch.Tensor]:
        """Append tokens and return the logits behind each.

        Args:
            pieces: Of each sequence, in order.
            last: Return those behind the last token of each piece alone.

        Returns:
            ``[tokens, vocabulary]`` in float32, one a piece.
        """
        width = max(sum(len(ids) for ids, *_ in own) for own in pieces)
        padding = (self._pad, 0, _NOBODY, _NOBODY, False)
        columns: list[list[list[int]]] = [[] for _ in padding]
        for own in pieces:
            found = [
                (token, start + place, owner, other, not last or place == len(ids) - 1)
                for ids, start, owner, other in own
                for place, token in enumerate(ids)
            ]
            found += [padding] * (width - len(found))
            for column, values in zip(columns, zip(*found, strict=True), strict=True):
                column.append(list(values))
        *inputs, wanted = columns
        states = self._forward(*inputs, masked=True)
        chosen = states[torch.tensor(wanted, device=states.device)]
        logits = self._base.get_output_embeddings()(chosen).float()
        return list(logits.split([1 if last else len(ids) for own in pieces for ids, *_ in own]))

    def forget(self, tokens: int) -> None:
        """Drop the last tokens of every sequence."""
        self._cache.crop(-tokens)
        self._owners = self._owners[:, : self._owners.shape[1] - tokens]

    @property
    def length(self) -> int:
        """Tokens of a sequence so far, the padded ones too."""
        return int(self._owners.shape[1])

    def keep(self, places: Sequence[int]) -> None:
        """Drop all sequences but those at some places."""
        # On the CPU: layers may lie on several GPUs.
        index = torch.tensor(places)
        self._cache.batch_select_indices(index)
        self._owners = self._owners[index]

    def _forward(
        self,
        ids: list[list[int]],
        positions: list[list[int]],
        owners: list[list[int]],
        others: list[list[int]],
        *,
        masked: bool,
        **more: Any,
    ) -> torch.Tensor:
        """Return the last layer's states, ``[images, new tokens, hidden]``."""
        own = torch.tensor(owners, device=self._device)
        before = self.length
        self._owners = torch.cat([self._owners, own], dim=1)
        mask = None
        if masked:
            mask = _mask(self._owners, own, torch.tensor(others, device=self._device), before)
        # Without the output layer: a prefix needs no logits, and 32,000 numbers a token are many.
        out = self._base.base_model(
            input_ids=torch.tensor(ids, device=self._device),
            position_ids=torch.tensor(positions, device=self._device),
            attention_mask=mask,
            past_key_values=self._cache,
            use_cache=True,
            **more,
        )
        states: torch.Tensor = out.last_hidden_state
        return states


def _mask(
    owners: torch.Tensor, own: torch.Tensor, others: torch.Tensor, before: int
) -> torch.Tensor:
    """Return what each new token sees, True where it does: ``[images, 1, new, all]``.

    Bool: a mask of numbers would have to be of the query's format. Padding sees padding, itself
    included: a token that sees nothing would give NaN.

    Args:
        owners: Of all tokens, ``[images, all]``.
        own: Of the new ones, ``[images, new]``.
        others: Whose tokens they see besides, ``[images, new]``.
        before: How many tokens there were.
    """
    keys = owners[:, None, :]
    place = torch.arange(owners.shape[1], device=owners.device)
    causal = place[before:, None] >= place[None, :]
    real = (own != _NOBODY)[:, :, None]
    in_sight = (keys == own[:, :, None]) | (
        real & ((keys == _PREFIX) | (keys == others[:, :, None]))
    )
    mask: torch.Tensor = causal & in_sight
    return mask[:, None]


def _weigh_labels(
    sequences: Sequences,
    branches: Sequence[Sequence[_Branch]],
    begins: Sequence[Sequence[torch.Tensor]],
) -> None:
    """Note how likely each label is behind its question: all labels in one pass, side by side."""
    pieces: list[list[Piece]] = []
    for rows in branches:
        # Owners that no question has; the tokens are forgotten afterwards.
        owner = len(rows)
        own: list[Piece] = []
        for row in rows:
            start = row.start + len(row.own_ids)
            for ids in row.labels:
                owner += 1
                own.append((ids[:-1], start, owner, row.number))
        pieces.append(own)
    if not any(pieces):
        return
    before = sequences.length
    behind = iter(sequences.extend(pieces))
    sequences.forget(sequences.length - before)
    for rows, first in zip(branches, begins, strict=True):
        for row, logits in zip(rows, first, strict=True):
            for ids in row.labels:
                # The last one is that of the stop token: "in" begins "in front of", too.
                likely = torch.cat([logits[None], next(behind)]).log_softmax(-1)
                told = likely.gather(1, torch.tensor(ids, device=likely.device)[:, None])
                row.likelihoods.append(float(told.double().sum()))
            row.under_way = not row.labels


def _write(
    sequences: Sequences,
    branches: Sequence[Sequence[_Branch]],
    begins: Sequence[Sequence[torch.Tensor]],
    *,
    stop: int,
) -> None:
    """Write the answers token by token; who is done takes no part in later steps."""
    writing = [[row for row in rows if row.under_way] for rows in branches]
    chosen = [
        logits.argmax()
        for rows, first in zip(branches, begins, strict=True)
        for row, logits in zip(rows, first, strict=True)
        if row.under_way
    ]
    while chosen:
        tokens = iter(torch.stack(chosen).tolist())
        for rows in writing:
            for row in rows:
                row.take(next(tokens), stop)
        writing = [[row for row in rows if row.under_way] for rows in writing]
        live = [place for place, rows in enumerate(writing) if rows]
        # Not at once: what is kept is copied.
        if live and 2 * len(live) <= len(writing):
            sequences.keep(live)
            writing = [writing[place] for place in live]
        if not live:
            return
        pieces = [
            [
                (
                    row.said[-1:],
                    row.start + len(row.own_ids) + len(row.said) - 1,
                    row.number,
                    row.number,
                )
                for row in rows
            ]
            for rows in writing
        ]
        chosen = [logits[0].argmax() for logits in sequences.extend(pieces)]
