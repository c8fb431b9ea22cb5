"""How a model answers prompts: in left-padded batches, greedily."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.conversation import Conversation
from vsdkit.errors import TemplateError
from vsdkit.model.prompt_ids import encode

if TYPE_CHECKING:
    import torch

    from vsdkit.model.checkpoint import Loaded
    from vsdkit.model.families import PreparedImage

__all__ = [
    "MAX_NEW_TOKENS",
    "Generated",
    "Prompt",
    "collate_prompts",
    "decode",
    "encode_question",
    "first_logits",
    "generate",
    "generate_ids",
    "stop_id",
]

MAX_NEW_TOKENS: Mapping[int, int] = {1: 20, 2: 64, 3: 160}
"""Task to the longest answer, in tokens; the stop token included."""


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
    batch = collate_prompts(loaded, prompts, pad=stop)
    out = generate_ids(loaded, batch, stop=stop, max_new_tokens=max_new_tokens)
    written = out[:, batch["input_ids"].shape[1] :].tolist()
    return [decode(loaded, ids, stop) for ids in written]


def first_logits(loaded: Loaded, prompts: Sequence[Prompt], *, stop: int) -> torch.Tensor:
    """Return the logits of the first token behind each prompt, as ``generate`` chooses from them.

    Args:
        loaded: The model, as for ``generate``.
        prompts: One a row, all in one batch.
        stop: From ``stop_id``.

    Returns:
        ``[rows, vocabulary]`` in float32, on the CPU.
    """
    out = generate_ids(
        loaded,
        collate_prompts(loaded, prompts, pad=stop),
        stop=stop,
        max_new_tokens=1,
        output_logits=True,
        return_dict_in_generate=True,
    )
    logits: torch.Tensor = out.logits[0].float().cpu()
    return logits


def generate_ids(
    loaded: Loaded, batch: Mapping[str, torch.Tensor], *, stop: int, **settings: Any
) -> Any:
    """Return what ``transformers`` generates greedily: prompts and answers as ids.

    Args:
        loaded: The model, as for ``generate``.
        batch: From ``collate_prompts``.
        stop: From ``stop_id``.
        **settings: Of the model's ``generate``.
    """
    import torch

    with torch.inference_mode():
        return loaded.model.generate(
            **batch,
            do_sample=False,
            num_beams=1,
            eos_token_id=stop,
            pad_token_id=stop,
            **settings,
        )


def decode(loaded: Loaded, ids: Sequence[int], stop: int) -> Generated:
    """Return the text of the ids that a model wrote.

    Args:
        loaded: The model that wrote them.
        ids: With or without the stop token and what stands behind it.
        stop: From ``stop_id``.
    """
    finished = stop in ids
    said = ids[: ids.index(stop)] if finished else ids
    text = loaded.tokenizer.decode(
        said, skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    return Generated(str(text).strip(), finished)
