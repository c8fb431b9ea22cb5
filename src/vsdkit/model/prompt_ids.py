"""Text with one picture in it -> ids, each with the characters it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from vsdkit.errors import DataError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["IMAGE_TOKEN", "Encoded", "encode"]

IMAGE_TOKEN: Final = "<image>"


class Encoded(NamedTuple):
    """Ids of a prompt and where each comes from."""

    ids: list[int]
    offsets: list[tuple[int, int]]
    """Half-open character span of each id: (0, 0) for BOS, ``<image>`` for the picture."""


def encode(tokenizer: PreTrainedTokenizerBase, text: str, *, image_tokens: int) -> Encoded:
    """Return the ids of a rendered prompt, ``<image>`` repeated for every token of the picture.

    The text is tokenised once and as a whole, so that no id depends on where a caller cuts it; BOS
    is added as the tokenizer does it. Training and inference both come through here.

    Args:
        tokenizer: A fast tokenizer that knows ``<image>`` as one token.
        text: The rendered conversation, with exactly one ``<image>``.
        image_tokens: Tokens of the picture, from ``ImagePreparer``; at least 1.

    Returns:
        ``n + image_tokens - 1`` ids and spans for a text of ``n`` ids.

    Raises:
        DataError: If ``<image>`` does not occur exactly once.
        ValueError: If ``image_tokens`` is below 1.
    """
    if image_tokens < 1:
        raise ValueError(f"image_tokens must be at least 1, got {image_tokens}")
    count = text.count(IMAGE_TOKEN)
    if count != 1:
        raise DataError(
            f"a prompt needs exactly one {IMAGE_TOKEN}, this one has {count}",
            where=repr(text if len(text) <= 120 else f"{text[:117]}..."),
            hint=f"begin the first human turn with {IMAGE_TOKEN}, and use it nowhere else",
        )
    batch = tokenizer(text, return_offsets_mapping=True, return_attention_mask=False)
    ids: list[int] = list(batch["input_ids"])
    offsets = [(int(start), int(end)) for start, end in batch["offset_mapping"]]
    at = ids.index(tokenizer.convert_tokens_to_ids(IMAGE_TOKEN))
    repeat = slice(at, at + 1)
    ids[repeat] = ids[repeat] * image_tokens
    offsets[repeat] = offsets[repeat] * image_tokens
    return Encoded(ids, offsets)
