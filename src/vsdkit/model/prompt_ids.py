"""Turn a prompt with one image into ids, each with the characters it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from vsdkit.data.records import IMAGE_MARK
from vsdkit.data.spans import Span
from vsdkit.errors import DataError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["Encoded", "encode"]


class Encoded(NamedTuple):
    """Ids of a prompt and where each comes from."""

    ids: list[int]
    """Token ids, BOS first where the tokenizer has one."""
    offsets: list[Span]
    """Characters of each id in the text: (0, 0) for BOS, the mark's for the image."""


def encode(
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    *,
    image_id: int,
    image_tokens: int,
    content: Sequence[Span] = (),
) -> Encoded:
    """Return the ids of a rendered prompt, the image's id repeated for every token it takes.

    The text is tokenised once and as a whole, so that no id depends on where a caller cuts it; BOS
    is added as the tokenizer does it. Training and inference both come through here.

    Args:
        tokenizer: A fast tokenizer to which the image token is one token.
        text: The rendered conversation, with exactly one ``IMAGE_MARK``.
        image_id: Id of the base's image token, ``config.image_token_id``.
        image_tokens: Tokens of the image, from the ``ImagePreparer``; at least 1.
        content: What is the row's own, tags and captions: no special token may come of it.

    Returns:
        ``n + image_tokens - 1`` ids and spans for a text of ``n`` ids.

    Raises:
        DataError: If the mark does not occur exactly once, or the image token besides, or the
            content holds a special token of the tokenizer.
        ValueError: If ``image_tokens`` is below 1.
    """
    if image_tokens < 1:
        raise ValueError(f"image_tokens must be at least 1, got {image_tokens}")
    count = text.count(IMAGE_MARK)
    if count != 1:
        raise DataError(
            f"a prompt needs exactly one {IMAGE_MARK}, this one has {count}",
            where=_shown(text),
            hint=f"begin the first human turn with {IMAGE_MARK}, and use it nowhere else",
        )
    # The mark is ours; each family has a token of its own, which may be longer or shorter.
    token = str(tokenizer.convert_ids_to_tokens(image_id))
    begin = text.index(IMAGE_MARK)
    batch = tokenizer(
        text.replace(IMAGE_MARK, token), return_offsets_mapping=True, return_attention_mask=False
    )
    ids: list[int] = list(batch["input_ids"])
    if ids.count(image_id) != 1:
        raise DataError(
            f"a prompt needs exactly one image, this one has {ids.count(image_id)}",
            where=_shown(text),
            hint=f"{token} stands for the image to this base model: use it nowhere",
        )
    # Spans are told in the caller's text: behind the mark they move by what the token is longer.
    # The image token is never parted or joined, so no span lies across its ends.
    longer = len(token) - len(IMAGE_MARK)
    offsets = [
        Span(start - longer, end - longer) if start > begin else Span(start, end)
        for start, end in batch["offset_mapping"]
    ]
    _refuse_special(tokenizer, text, Encoded(ids, offsets), content)
    at = ids.index(image_id)
    mark = Span(begin, begin + len(IMAGE_MARK))
    ids[at : at + 1] = [image_id] * image_tokens
    offsets[at : at + 1] = [mark] * image_tokens
    return Encoded(ids, offsets)


def _refuse_special(
    tokenizer: PreTrainedTokenizerBase, text: str, encoded: Encoded, content: Sequence[Span]
) -> None:
    """Raise if a row's own text holds what the tokenizer takes for one of its special tokens.

    Tokenising the content apart as plain text would change the ids at its borders.
    """
    special = _special_tokens(tokenizer)
    for token, span in zip(*encoded, strict=True):
        # BOS, which the tokenizer adds, has an empty span, and that lies in nothing.
        if token not in special or not any(
            max(span.start, part.start) < min(span.end, part.end) for part in content
        ):
            continue
        said = text[span.start : span.end].strip()
        # A character that the vocabulary lacks becomes <unk> too, and is no control token.
        if token != tokenizer.unk_token_id or said == special[token]:
            raise DataError(
                f"{said!r} is a special token of this base model, and stands in a tag or caption",
                where=_shown(text[span.start :]),
                hint="say it in words, or take it out of the data",
            )


# One a process is usual; looking them up takes longer than encoding a row.
@lru_cache(maxsize=4)
def _special_tokens(tokenizer: PreTrainedTokenizerBase) -> dict[int, str]:
    found = {id_: str(one) for id_, one in tokenizer.added_tokens_decoder.items() if one.special}
    named = zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True)
    return found | {int(id_): str(token) for id_, token in named}


def _shown(text: str) -> str:
    return repr(text if len(text) <= 120 else f"{text[:117]}...")
