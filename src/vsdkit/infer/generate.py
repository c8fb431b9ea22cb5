"""Generate answers to questions about images, in left-padded batches, greedily."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.conversation import Conversation, fill
from vsdkit.data.images import ImageFile, open_image
from vsdkit.errors import DataError, TemplateError, VsdkitError
from vsdkit.model.prompt_ids import encode

if TYPE_CHECKING:
    from vsdkit.data.records import GoldRow
    from vsdkit.infer.model_choice import ModelChoice
    from vsdkit.model.checkpoint import Loaded
    from vsdkit.model.families import PreparedImage

__all__ = ["MAX_NEW_TOKENS", "Answerer", "ModelAnswer", "plan_batches"]

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


@dataclass(frozen=True, slots=True)
class Answerer:
    """A loaded model that answers rows."""

    loaded: Loaded
    """The model, with its tokenizer and image preparer."""
    choice: ModelChoice
    """The form of question it was trained on."""
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
            VsdkitError: If the GPU's memory does not hold the batch.
        """
        import torch

        (task,) = {row.task for row in rows}
        images = {row.image: self.prepare(row.image) for row in rows}
        prompts = [self._encode(row, images[row.image].n_tokens) for row in rows]
        stop = _stop_id(self.loaded.tokenizer, self.choice.conversation)
        batch = self._collate(prompts, [images[row.image] for row in rows], stop)
        try:
            with torch.inference_mode():
                out = self.loaded.model.generate(
                    **batch,
                    do_sample=False,
                    num_beams=1,
                    max_new_tokens=MAX_NEW_TOKENS[task],
                    eos_token_id=stop,
                    pad_token_id=stop,
                )
        except torch.cuda.OutOfMemoryError as error:
            raise VsdkitError(
                f"the GPU's memory does not hold {len(rows)} rows at once",
                where=f"--batch-size {len(rows)}",
                hint=f"run the same command with --batch-size {max(1, len(rows) // 2)}; "
                "it goes on where it stopped",
            ) from error
        said = out[:, batch["input_ids"].shape[1] :].tolist()
        return [self._read(row, ids, stop) for row, ids in zip(rows, said, strict=True)]

    def prepare(self, image: str) -> PreparedImage:
        """Return an image as the model takes it.

        Raises:
            DataError: If it does not open.
        """
        return self.loaded.preparer.prepare(open_image(Path(self.images[image].path)))

    def _encode(self, row: GoldRow, image_tokens: int) -> list[int]:
        question = self.choice.template.questions[row.task][0]
        facts = {"T1": row.subject, "T2": row.object}
        rendered = self.choice.conversation.render(fill(question, facts))
        loaded = self.loaded
        encoded = encode(
            loaded.tokenizer,
            rendered.text,
            image_id=loaded.image_id,
            image_tokens=image_tokens,
            content=rendered.content,
        )
        return encoded.ids

    def _collate(
        self, prompts: Sequence[list[int]], images: Sequence[PreparedImage], pad: int
    ) -> dict[str, Any]:
        """Return the tensors that ``generate`` takes, ids and mask ``[rows, longest]``."""
        import torch

        # On the left: the model writes behind the last column, which must be each prompt's end.
        width = max(map(len, prompts))
        ids = torch.tensor([[pad] * (width - len(prompt)) + prompt for prompt in prompts])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        batch = {
            "input_ids": ids,
            "attention_mask": mask,
            **self.loaded.preparer.collate(images, ids),
        }
        device, dtype = self.loaded.precision.device, self.loaded.precision.dtype
        return {
            name: value.to(device, dtype if value.is_floating_point() else None)
            for name, value in batch.items()
        }

    def _read(self, row: GoldRow, ids: list[int], stop: int) -> ModelAnswer:
        finished = stop in ids
        said = ids[: ids.index(stop)] if finished else ids
        raw = self.loaded.tokenizer.decode(
            said, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return ModelAnswer(row, str(raw).strip(), finished)


def _stop_id(tokenizer: Any, conversation: Conversation) -> int:
    ids = tokenizer.encode(conversation.stop, add_special_tokens=False)
    if len(ids) != 1:
        raise TemplateError(
            f"the stop token {conversation.stop!r} is {len(ids)} tokens to this base model",
            where=f"conversation {conversation.name}",
            hint="use a conversation whose stop token the base model knows",
        )
    return int(ids[0])
