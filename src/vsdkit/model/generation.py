"""How a model answers questions about images: in left-padded batches, greedily."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vsdkit.conversation import Conversation, Template, fill
from vsdkit.data.images import ImageFile, open_image
from vsdkit.errors import DataError, TemplateError
from vsdkit.model.prompt_ids import encode

if TYPE_CHECKING:
    import torch

    from vsdkit.data.records import GoldRow
    from vsdkit.model.checkpoint import Loaded
    from vsdkit.model.families import PreparedImage

__all__ = [
    "MAX_NEW_TOKENS",
    "Answerer",
    "Generated",
    "ModelAnswer",
    "Prompt",
    "collate_prompts",
    "encode_question",
    "generate",
    "plan_batches",
    "stop_id",
]

MAX_NEW_TOKENS: Mapping[int, int] = {1: 20, 2: 64, 3: 160}
"""Task to the longest answer, in tokens; the stop token included."""


class ModelAnswer(NamedTuple):
    """What a model said to one row."""

    row: GoldRow
    """The row that was asked."""
    raw: str
    """All it said, without the stop token."""
    finished: bool
    """Whether it came to the stop token by itself."""


def plan_batches(
    rows: Sequence[GoldRow], tokens: Mapping[str, int], *, batch_size: int
) -> Iterator[list[GoldRow]]:
    """Yield the rows in batches of one task and of images about equally long.

    Args:
        rows: Any rows.
        tokens: Image name to the number of tokens it takes.
        batch_size: Rows a batch, at most.
    """
    for task in sorted({row.task for row in rows}):
        # Rows of one image stand together, so that it is opened and cut once for a batch.
        ordered = sorted(
            (row for row in rows if row.task == task),
            key=lambda row: (tokens[row.image], row.image),
        )
        for start in range(0, len(ordered), batch_size):
            yield ordered[start : start + batch_size]


class Prompt(NamedTuple):
    """One question about one image, as a model takes it."""

    ids: list[int]
    """From ``encode_question``: they end where the model begins to write."""
    image: PreparedImage
    """From the model's image preparer."""


class Generated(NamedTuple):
    """What a model wrote behind a prompt."""

    text: str
    """All of it, without the stop token and blanks around it."""
    finished: bool
    """Whether it came to the stop token by itself."""


def encode_question(
    loaded: Loaded, conversation: Conversation, question: str, *, image_tokens: int
) -> list[int]:
    """Return the ids of a question in its conversation format, up to where the answer begins.

    Args:
        loaded: The model that is asked.
        conversation: What stands around the question.
        question: Without the image's mark.
        image_tokens: Tokens that the image takes, as its preparer counts them.

    Raises:
        DataError: If the question holds a special token of the base.
        TemplateError: If it holds the image's mark or the stop token.
    """
    rendered = conversation.render(question)
    return encode(
        loaded.tokenizer,
        rendered.text,
        image_id=loaded.image_id,
        image_tokens=image_tokens,
        content=rendered.content,
    ).ids


def stop_id(loaded: Loaded, conversation: Conversation) -> int:
    """Return the id that ends an answer.

    Raises:
        TemplateError: If the conversation's stop token is not one token to the base.
    """
    ids = loaded.tokenizer.encode(conversation.stop, add_special_tokens=False)
    if len(ids) != 1:
        raise TemplateError(
            f"the stop token {conversation.stop!r} is {len(ids)} tokens to this base model",
            where=f"conversation {conversation.name}",
            hint="use a conversation whose stop token the base model knows",
        )
    return int(ids[0])


def collate_prompts(
    loaded: Loaded, prompts: Sequence[Prompt], *, pad: int
) -> dict[str, torch.Tensor]:
    """Return the tensors that the model takes, on its device and in its number format.

    Args:
        loaded: The model that is asked.
        prompts: One a row.
        pad: Id that pads the shorter rows.

    Returns:
        ``input_ids`` and ``attention_mask`` ``[rows, longest]``, and what the family adds.
    """
    import torch

    # On the left: the model writes behind the last column, which must be each prompt's end.
    width = max(len(one.ids) for one in prompts)
    ids = torch.tensor([[pad] * (width - len(one.ids)) + one.ids for one in prompts])
    mask = torch.tensor([[0] * (width - len(one.ids)) + [1] * len(one.ids) for one in prompts])
    images = loaded.preparer.collate([one.image for one in prompts], ids)
    batch = {"input_ids": ids, "attention_mask": mask, **images}
    device, dtype = loaded.precision.device, loaded.precision.dtype
    return {
        name: value.to(device, dtype if value.is_floating_point() else None)
        for name, value in batch.items()
    }


def generate(
    loaded: Loaded, prompts: Sequence[Prompt], *, stop: int, max_new_tokens: int
) -> list[Generated]:
    """Return what the model writes behind each prompt: greedily, whatever the base's defaults.

    Args:
        loaded: The model, in evaluation mode; ``forget_generation_defaults`` was called on it.
        prompts: One a row, all answered as one batch.
        stop: From ``stop_id``.
        max_new_tokens: Tokens an answer at most, the stop token included.

    Returns:
        One a prompt, in their order.
    """
    import torch

    batch = collate_prompts(loaded, prompts, pad=stop)
    with torch.inference_mode():
        out = loaded.model.generate(
            **batch,
            do_sample=False,
            num_beams=1,
            max_new_tokens=max_new_tokens,
            eos_token_id=stop,
            pad_token_id=stop,
        )
    written = out[:, batch["input_ids"].shape[1] :].tolist()
    return [_read(loaded, ids, stop) for ids in written]


def _read(loaded: Loaded, ids: list[int], stop: int) -> Generated:
    finished = stop in ids
    said = ids[: ids.index(stop)] if finished else ids
    text = loaded.tokenizer.decode(
        said, skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    return Generated(str(text).strip(), finished)


@dataclass(frozen=True, slots=True)
class Answerer:
    """A loaded model that answers rows."""

    loaded: Loaded
    """The model, with its tokenizer and image preparer."""
    template: Template
    """What the questions are made with: the first of each task."""
    conversation: Conversation
    """What stands around a question."""
    images: Mapping[str, ImageFile]
    """Image name to its file, opened once before."""

    def check(self, rows: Iterable[GoldRow], tokens: Mapping[str, int]) -> None:
        """Build every question once, so that a wrong one is named before the first is asked.

        Args:
            rows: All that will be asked.
            tokens: Image name to the number of tokens it takes.

        Raises:
            DataError: If a question and its answer do not fit into the model's positions, or the
                tags hold what stands for something else; the row is named.
        """
        longest = self.loaded.positions
        for row in rows:
            where = f"id {row.id!r}, task {row.task}"
            try:
                needed = len(self._encode(row, tokens[row.image])) + MAX_NEW_TOKENS[row.task]
            except (DataError, TemplateError) as error:
                raise DataError(
                    error.message, where=where, hint="say its subject and object in words"
                ) from error
            if needed > longest:
                raise DataError(
                    f"question and answer take up to {needed:,} tokens, the model has positions "
                    f"for {longest:,}",
                    where=where,
                    hint="shorten its subject and object",
                )

    def answer(self, rows: Sequence[GoldRow]) -> list[ModelAnswer]:
        """Return the answers to rows of one task, in their order.

        Raises:
            TemplateError: If the tokenizer does not know the conversation's stop token.
        """
        (task,) = {row.task for row in rows}
        images = {row.image: self.prepare(row.image) for row in rows}
        prompts = [
            Prompt(self._encode(row, images[row.image].n_tokens), images[row.image]) for row in rows
        ]
        generated = generate(
            self.loaded,
            prompts,
            stop=stop_id(self.loaded, self.conversation),
            max_new_tokens=MAX_NEW_TOKENS[task],
        )
        return [ModelAnswer(row, *one) for row, one in zip(rows, generated, strict=True)]

    def prepare(self, image: str) -> PreparedImage:
        """Return an image as the model takes it.

        Raises:
            DataError: If it does not open.
        """
        return self.loaded.preparer.prepare(open_image(Path(self.images[image].path)))

    def _encode(self, row: GoldRow, image_tokens: int) -> list[int]:
        question = fill(self.template.questions[row.task][0], {"T1": row.subject, "T2": row.object})
        return encode_question(self.loaded, self.conversation, question, image_tokens=image_tokens)
