"""Count the tokens of an epoch: every row encoded as in training, no image opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsdkit.finetune.examples import RowEncoder, TrainingRows
from vsdkit.finetune.preflight import Inputs, OpenedImages
from vsdkit.model.bases import family_of
from vsdkit.model.checkpoint import load_tokenizer
from vsdkit.progress import Listener
from vsdkit.settings.finetune import FinetuneSettings

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PretrainedConfig

__all__ = ["count_tokens"]


def count_tokens(
    settings: FinetuneSettings,
    inputs: Inputs,
    opened: OpenedImages,
    config: PretrainedConfig,
    *,
    base: Path,
    listener: Listener,
) -> dict[str, int]:
    """Return the tokens of an epoch: ``rows`` in all, ``pictures`` the images', ``longest`` row.

    Args:
        settings: Of the run.
        inputs: Its rows and what stands around them.
        opened: Their images.
        config: The base's.
        base: Folder with the base's files.
        listener: Shows a bar.

    Raises:
        DataError: If a row cannot be trained; its id is named.
        CheckpointError: If the base has no tokenizer or preprocessor configuration.
    """
    encoder = RowEncoder(
        tokenizer=load_tokenizer(str(base), config),
        conversation=inputs.conversation,
        image_id=config.image_token_id,
        longest=config.get_text_config().max_position_embeddings,
        source=settings.instructions,
    )
    preparer = family_of(config).load_preparer(str(base), config, image_mode=settings.image_mode)
    used = inputs.rows.without(opened.left_out_rows)
    dataset = TrainingRows(used, files=opened.images.files, encoder=encoder, preparer=preparer)
    rows = in_images = longest = 0
    with listener.track("counting tokens", total=len(dataset)) as tracker:
        for index in range(len(dataset)):
            count = dataset.count_tokens(index)
            rows += count.row
            in_images += count.image
            longest = max(longest, count.row)
            tracker.advance()
    return {"rows": rows, "pictures": in_images, "longest": longest}
