"""Have a run's base at hand before it begins: its files, and a look at its tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vsdkit.conversation import Conversation
from vsdkit.model.base_files import fetch_base
from vsdkit.model.checkpoint import load_tokenizer
from vsdkit.model.prompt_ids import encode
from vsdkit.progress import Listener

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

__all__ = ["missing_blank", "prepare_base"]

_BLANK = "\u2581"
"""As Llama's vocabulary writes a blank; alone it is id 29871 there."""
_WITH_BLANK = ("llama", "mistral")
"""Language models whose LLaVA was trained with such a blank."""


def prepare_base(
    base: str,
    config: PretrainedConfig,
    conversation: Conversation,
    *,
    commit: str,
    weights: bool,
    listener: Listener,
) -> Path:
    """Return the folder with a base's files; once for all training processes of this machine.

    Args:
        base: ``tiny``, a local folder, or a hub id.
        config: The base's.
        conversation: What stands around a question.
        commit: Of the base's files.
        weights: Whether the weights are wanted too.
        listener: Sees files being fetched, and hears of a tokenizer that is not as LLaVA's was.

    Raises:
        CheckpointError: If a file is missing and cannot be fetched, or the tokenizer does not fit.
    """
    folder = fetch_base(base, commit=commit, weights=weights, listener=listener)
    warning = missing_blank(load_tokenizer(str(folder), config), conversation, config)
    if warning is not None:
        listener.message(warning)
    return folder


def missing_blank(
    tokenizer: PreTrainedTokenizerBase, conversation: Conversation, config: PretrainedConfig
) -> str | None:
    r"""Return what a person should know if the blank behind the image is missing; else None.

    LLaVA tokenises what stands behind the image as a text of its own, and Llama's tokenizer writes
    a blank in front of every text: ``<image>``, ``\u2581``, newline. A ``tokenizer.json`` does the
    same if its normalizer prepends the blank to each piece between special tokens. One that
    prepends it to the first piece only, as newer conversions do, leaves it out.

    Args:
        tokenizer: The base's.
        conversation: What stands around a question.
        config: The base's.

    Source:
        haotian-liu/LLaVA ``llava/mm_utils.py`` ``tokenizer_image_token``.
    """
    is_llama = config.get_text_config().model_type in _WITH_BLANK
    # Llama 3 and its like write bytes: no blank is put in front of a text there.
    if not is_llama or _BLANK not in tokenizer.get_vocab():
        return None
    image = int(config.image_token_id)
    ids = encode(tokenizer, f"{conversation.image}word", image_id=image, image_tokens=1).ids
    behind = str(tokenizer.convert_ids_to_tokens(ids[ids.index(image) + 1]))
    if behind.startswith(_BLANK):
        return None
    return (
        f"warning: this tokenizer.json writes no blank behind the picture (token {behind!r} where "
        f"LLaVA has {_BLANK!r}): every prompt differs by one token from those the base was trained "
        "with. Training and answering agree with each other all the same. To have the blank, take "
        "the tokenizer.json of the base's own repository, or convert it again: "
        "LlamaTokenizerFast.from_pretrained(BASE, from_slow=True, legacy=True)"
    )
