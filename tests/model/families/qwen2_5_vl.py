"""A second base family, for the test beside it: all that Qwen2.5-VL needs of its own.

It differs where it can: no square tiles but a grid of patches, batches that are one long row of
patches, a word on each token, a projector inside the vision tower, ids of its own for the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from vsdkit.data.images import to_rgb
from vsdkit.model.families import Family, ImagePreparer, PreparedImage


class Qwen25Vl(Family):
    """Qwen2.5-VL: images in their own shape, cut into patches."""

    name = "Qwen2.5-VL"
    image_modes = ("single",)
    served_modes = ("single",)
    lora_targets = (
        r".*language_model\.layers\.\d+\.(self_attn\.(q|k|v|o)_proj|mlp\.(gate|up|down)_proj)"
    )
    projector = "visual.merger"

    def configure(self, config: Any, *, image_mode: str, where: str) -> None:
        """Leave everything as it is: there is one image mode."""

    def load_preparer(self, source: str, config: Any, *, image_mode: str) -> ImagePreparer:
        """Return the preparer; without torchvision there is no AutoProcessor for this model."""
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import (
            Qwen2VLImageProcessorPil,
        )

        return QwenPreparer(Qwen2VLImageProcessorPil.from_pretrained(source), config.image_token_id)


@dataclass(frozen=True)
class QwenPreparer(ImagePreparer):
    """Cuts images into patches."""

    processor: Any
    image_id: int

    def prepare(self, image: Image.Image) -> PreparedImage:
        image = to_rgb(image)
        tensors = dict(self.processor(image, return_tensors="pt"))
        return PreparedImage(tensors, self.count_tokens((image.height, image.width)))

    def count_tokens(self, image_size: tuple[int, int]) -> int:
        # The merger joins 2 x 2 patches into one token.
        patches = self.processor.get_number_of_image_patches(*image_size)
        return patches // self.processor.merge_size**2

    def collate(
        self, images: Sequence[PreparedImage], input_ids: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        names = ("pixel_values", "image_grid_thw")
        tensors = {name: torch.cat([image.tensors[name] for image in images]) for name in names}
        # Positions of the image's tokens are two-dimensional: the model asks which they are.
        return tensors | {"mm_token_type_ids": (input_ids == self.image_id).long()}
