"""LLaVA-NeXT (LLaVA-1.6): one padded tile, or the high resolution of several tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from vsdkit.data.images import to_rgb
from vsdkit.errors import CheckpointError
from vsdkit.model.bases import DEFAULT_BASE
from vsdkit.model.families.family import Family, ImagePreparer, PreparedImage

if TYPE_CHECKING:
    from transformers import LlavaNextConfig

__all__ = ["LlavaNext", "LlavaNextPreparer"]

# transformers counts the tiles of an image as those of the best resolution in the grid plus the
# whole image. A resolution of 0 x 0 has no tiles: what is left is the whole image, its 576 tokens
# at 336 pixels and one newline. LLaVA's own "pad" mode has no newline.
_SINGLE_TILE_GRID = ((0, 0),)

# Pixels: 2 x Image.MAX_IMAGE_PIXELS, the largest image that Pillow opens; 0.5 GB. Images whose
# square is smaller are padded before they are scaled, as LLaVA does it.
_LARGEST_SQUARE = 178_956_970


class LlavaNext(Family):
    """LLaVA-NeXT in the Hugging Face form."""

    name = "LLaVA-NeXT"
    image_modes = ("single", "anyres")
    # The processor cuts tiles by the grid of the checkpoint; one padded tile is none of its ways.
    served_modes = ("anyres",)
    # "model." once: transformers 4 and 5 nest the decoder differently, and both load an adapter
    # with this pattern. Bare names such as q_proj would hit the vision tower too.
    lora_targets = (
        r".*language_model\.(model\.)?layers\.\d+\."
        r"(self_attn\.(q|k|v|o)_proj|mlp\.(gate|up|down)_proj)"
    )
    projector = "multi_modal_projector"
    shares_images = True

    def configure(self, config: LlavaNextConfig, *, image_mode: str, where: str) -> None:
        """Set the image grid: with ``single`` it has no tiles, with ``anyres`` it must have some.

        Raises:
            CheckpointError: If the class token is among the features, or anyres has no tiles.
        """
        if config.vision_feature_select_strategy != "default":
            raise CheckpointError(
                f"vision_feature_select_strategy is {config.vision_feature_select_strategy!r}, "
                "only 'default' is supported",
                where=where,
                hint=f"use a base such as {DEFAULT_BASE}",
            )
        if image_mode == "single":
            config.image_grid_pinpoints = [list(cell) for cell in _SINGLE_TILE_GRID]
        elif not _has_tiles(config):
            raise CheckpointError(
                "no high resolution with this base: image_grid_pinpoints is "
                f"{config.image_grid_pinpoints!r}, expected multiples of "
                f"{config.vision_config.image_size} as [[height, width], ...]",
                where=where,
                hint=f"use --image-mode single, or a base such as {DEFAULT_BASE}",
            )

    def load_preparer(
        self, source: str, config: LlavaNextConfig, *, image_mode: str
    ) -> LlavaNextPreparer:
        """Return the preparer of a checkpoint.

        Raises:
            CheckpointError: If the checkpoint has no preprocessor configuration, or one for
                another tile size.
        """
        from transformers.models.llava_next.image_processing_pil_llava_next import (
            LlavaNextImageProcessorPil,
        )

        try:
            # Pillow's resampling whether torchvision is installed or not: the same image, the
            # same numbers.
            processor = LlavaNextImageProcessorPil.from_pretrained(source)
        except (OSError, ValueError) as error:
            raise CheckpointError(
                f"the preprocessor configuration of {source} cannot be read: "
                f"{str(error).splitlines()[0]}",
                where=source,
                hint="fetch the base model again, preprocessor_config.json included",
            ) from error
        tile = config.vision_config.image_size
        crop = processor.crop_size["height"]
        if crop != tile:
            raise CheckpointError(
                f"the preprocessor cuts tiles of {crop} pixels, the model takes {tile}",
                where=source,
                hint="fetch the base model again: its files do not belong together",
            )
        return LlavaNextPreparer(
            image_mode=image_mode,
            tile=tile,
            patch=config.vision_config.patch_size,
            grid=tuple((int(height), int(width)) for height, width in config.image_grid_pinpoints),
            mean=_three(processor.image_mean),
            std=_three(processor.image_std),
            processor=processor,
        )


@dataclass(frozen=True, slots=True)
class LlavaNextPreparer(ImagePreparer):
    """Cuts images into crops of one size."""

    image_mode: str
    """``single``: padded to a square with the mean colour, one tile. ``anyres``: tiles too."""
    tile: int
    """Side of a tile in pixels, 336 for LLaVA-1.6."""
    patch: int
    """Side of a patch in pixels, 14 for LLaVA-1.6."""
    grid: tuple[tuple[int, int], ...]
    """Resolutions (height, width) that anyres may choose from."""
    mean: tuple[float, float, float]
    """Mean of red, green and blue, of 1."""
    std: tuple[float, float, float]
    """Standard deviation of red, green and blue, of 1."""
    processor: Any
    """The checkpoint's own image processor; it cuts the tiles of anyres."""

    def prepare(self, image: Image.Image) -> PreparedImage:
        """Return ``pixel_values`` ``[crops, 3, tile, tile]``, the whole image first, and its size.

        ``image_sizes`` ``[2]`` is the height and width of the original, in pixels.
        """
        image = to_rgb(image)
        size = (image.height, image.width)
        pixels = self._one_tile(image) if self.image_mode == "single" else self._all_tiles(image)
        tensors = {"pixel_values": pixels, "image_sizes": torch.tensor(size)}
        return PreparedImage(tensors, self.count_tokens(size))

    def count_tokens(self, image_size: tuple[int, int]) -> int:
        """Return how many tokens an image takes, without opening it.

        Args:
            image_size: Height and width in pixels, upright.

        Returns:
            With tiles of 336 and patches of 14: 577 for ``single``; 2,340 for 480 x 640 with
            ``anyres``.

        Source:
            huggingface/transformers ``models/llava_next/processing_llava_next.py``,
            ``_get_unpadded_features``.
        """
        per_side = self.tile // self.patch
        whole = per_side * per_side
        if self.image_mode == "single":
            return whole + 1
        from transformers.image_processing_utils import select_best_resolution

        height, width = image_size
        best_height, best_width = select_best_resolution(
            (height, width), [list(cell) for cell in self.grid]
        )
        rows = best_height // self.tile * per_side
        columns = best_width // self.tile * per_side
        # The model cuts the padding off again, in whole patches, and ends each row with a newline
        # token.
        if width / height > columns / rows:
            rows -= (rows - int(round(height * (columns / width), 7))) // 2 * 2
        else:
            columns -= (columns - int(round(width * (rows / height), 7))) // 2 * 2
        tokens: int = whole + rows * (columns + 1)
        return tokens

    def collate(
        self, images: Sequence[PreparedImage], input_ids: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Return images as one batch, padded with zero crops that the model leaves out.

        Returns:
            ``pixel_values`` ``[images, most_crops, 3, tile, tile]`` and ``image_sizes``
            ``[images, 2]`` (height, width).
        """
        del input_ids  # ids say nothing that these models do not see themselves
        crops = [image.tensors["pixel_values"] for image in images]
        pixels = crops[0].new_zeros((len(images), max(map(len, crops)), *crops[0].shape[1:]))
        for row, own in zip(pixels, crops, strict=True):
            row[: len(own)] = own
        return {
            "pixel_values": pixels,
            "image_sizes": torch.stack([image.tensors["image_sizes"] for image in images]),
        }

    def _one_tile(self, image: Image.Image) -> torch.Tensor:
        """Return ``[1, 3, tile, tile]``: padded to a square, scaled, normalised.

        Source:
            haotian-liu/LLaVA ``llava/mm_utils.py``, ``expand2square``.
        """
        side = max(image.size)
        if side * side > _LARGEST_SQUARE:
            # A strip of 65,000 x 40 pixels would be padded to 13 GB. Scaled first, to eight tiles'
            # length, it keeps what a tile can show of it.
            scale = 8 * self.tile / side
            height, width = (max(1, round(part * scale)) for part in (image.height, image.width))
            image = image.resize((width, height), Image.Resampling.BICUBIC)
            side = max(image.size)
        if image.width != image.height:
            colour = tuple(int(part * 255) for part in self.mean)
            square = Image.new("RGB", (side, side), colour)
            square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
            image = square
        image = image.resize((self.tile, self.tile), Image.Resampling.BICUBIC)
        pixels = np.asarray(image, dtype=np.float32) / 255
        pixels = (pixels - np.asarray(self.mean, dtype=np.float32)) / np.asarray(
            self.std, dtype=np.float32
        )
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]

    def _all_tiles(self, image: Image.Image) -> torch.Tensor:
        """Return ``[crops, 3, tile, tile]`` as the checkpoint's processor cuts them."""
        batch = self.processor.preprocess(
            image, image_grid_pinpoints=[list(cell) for cell in self.grid], return_tensors="pt"
        )
        pixels: torch.Tensor = batch["pixel_values"][0]
        return pixels.to(torch.float32)


def _has_tiles(config: LlavaNextConfig) -> bool:
    tile = config.vision_config.image_size
    grid = config.image_grid_pinpoints
    return bool(grid) and all(
        len(cell) == 2 and all(side > 0 and side % tile == 0 for side in cell) for cell in grid
    )


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
