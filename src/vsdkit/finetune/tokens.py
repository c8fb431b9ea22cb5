"""How many tokens an epoch has: every row encoded as in training, no picture opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vsdkit.data.images import ImageFile
from vsdkit.finetune.examples import RowEncoder, TrainingRows
from vsdkit.finetune.preflight import Inputs
from vsdkit.model import ImagePreparer
from vsdkit.model.bases import resolve_base
from vsdkit.progress import Listener
from vsdkit.settings.finetune import FinetuneSettings

if TYPE_CHECKING:
    from transformers import LlavaNextConfig

__all__ = ["count_tokens"]


def count_tokens(
    settings: FinetuneSettings,
    inputs: Inputs,
    images: Mapping[str, ImageFile],
    config: LlavaNextConfig,
    *,
    listener: Listener,
) -> dict[str, int]:
    """Return the tokens of an epoch: ``rows`` in all, ``pictures`` of these, ``longest`` row.

    Raises:
        DataError: If a row cannot be trained; its id is named.
        CheckpointError: If the base has no tokenizer or preprocessor configuration.
    """
    from transformers import AutoTokenizer

    source = resolve_base(settings.base)
    encoder = RowEncoder(
        tokenizer=AutoTokenizer.from_pretrained(source, trust_remote_code=False),
        conversation=inputs.conversation,
        longest=config.text_config.max_position_embeddings,
        source=settings.instructions,
    )
    preparer = ImagePreparer.from_checkpoint(source, config, image_mode=settings.image_mode)
    dataset = TrainingRows(inputs.rows, files=images, encoder=encoder, pictures=preparer)
    rows = pictures = longest = 0
    with listener.track("counting tokens", total=len(dataset)) as tracker:
        for index in range(len(dataset)):
            count = dataset.count_tokens(index)
            rows += count.row
            pictures += count.picture
            longest = max(longest, count.row)
            tracker.advance()
    return {"rows": rows, "pictures": pictures, "longest": longest}
