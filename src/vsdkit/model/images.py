"""Pictures as the model takes them: one padded tile, or the high resolution of LLaVA-1.6."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from vsdkit.data.images import to_rgb
from vsdkit.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from transformers import LlavaNextConfig

__all__ = [
    "IMAGE_MODES",
    "SINGLE_TILE_GRID",
    "ImagePreparer",
    "PreparedImage",
    "collate_images",
]

IMAGE_MODES = ("single", "anyres")
SINGLE_TILE_GRID = ((0, 0),)
"""Grid with which the Hugging Face model takes the whole picture only: 577 tokens at 336."""


class PreparedImage(NamedTuple):
    """A prepared picture."""

    pixel_values: torch.Tensor
    """Crops ``[crops, 3, tile, tile]``, float32; the whole picture first."""
    image_size: tuple[int, int]
    """Height and width of the original, in pixels."""
    n_tokens: int
    """Ids of ``<image>`` that the prompt needs."""


@dataclass(frozen=True, slots=True)
class ImagePreparer:
    """Turns pictures into crops, sizes into token counts, for one checkpoint and image mode."""

    image_mode: str
    """``single``: padded to a square with the mean colour, one tile. ``anyres``: tiles too."""
    tile: int
    """Side of a tile in pixels, 336 for LLaVA-1.6."""
    patch: int
    """Side of a patch in pixels, 14 for LLaVA-1.6."""
    grid: tuple[tuple[int, int], ...]
    """Resolutions (height, width) that anyres may choose from."""
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    processor: Any
    """The checkpoint's own image processor; it cuts the tiles of anyres."""

    @classmethod
    def from_checkpoint(
        cls, source: str, config: LlavaNextConfig, *, image_mode: str
    ) -> ImagePreparer:
        """Return the preparer of a checkpoint.

        Args:
            source: Folder or hub id that holds the preprocessor's configuration.
            config: The model's configuration, with the grid of anyres in it.
            image_mode: ``single`` or ``anyres``.

        Raises:
            ConfigError: If the image mode is unknown.
            CheckpointError: If the checkpoint has no preprocessor configuration, or one for
                another tile size.
        """
        from transformers.models.llava_next.image_processing_pil_llava_next import (
            LlavaNextImageProcessorPil,
        )

        if image_mode not in IMAGE_MODES:
            raise ConfigError(
                f"unknown image mode {image_mode!r}",
                where="--image-mode",
                hint=f"use one of: {', '.join(IMAGE_MODES)}",
            )
        try:
            # Pillow's resampling whether torchvision is installed or not: the same picture, the
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
        return cls(
            image_mode=image_mode,
            tile=tile,
            patch=config.vision_config.patch_size,
            grid=tuple(
                (int(height), int(width)) for height, width in config.image_grid_pinpoints or ()
            ),
            mean=_three(processor.image_mean),
            std=_three(processor.image_std),
            processor=processor,
        )

    def prepare(self, image: Image.Image) -> PreparedImage:
        """Return a picture's crops, size and token count; any mode, turned upright if need be."""
        image = to_rgb(image)
        size = (image.height, image.width)
        pixels = self._one_tile(image) if self.image_mode == "single" else self._all_tiles(image)
        return PreparedImage(pixels, size, self.count_tokens(size))

    def count_tokens(self, image_size: tuple[int, int]) -> int:
        """Return how many tokens a picture takes, without opening it.

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

    def model_grid(self) -> list[list[int]]:
        """Return what the model's ``config.image_grid_pinpoints`` must be in this image mode."""
        grid = SINGLE_TILE_GRID if self.image_mode == "single" else self.grid
        return [list(cell) for cell in grid]

    def _one_tile(self, image: Image.Image) -> torch.Tensor:
        """Return ``[1, 3, tile, tile]``: padded to a square, scaled, normalised.

        Source:
            haotian-liu/LLaVA ``llava/mm_utils.py``, ``expand2square``.
        """
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
            image, image_grid_pinpoints=self.model_grid(), return_tensors="pt"
        )
        pixels: torch.Tensor = batch["pixel_values"][0]
        return pixels.to(torch.float32)


def collate_images(pictures: Sequence[PreparedImage]) -> dict[str, torch.Tensor]:
    """Return pictures as one batch, filled up with zero crops that the model leaves out.

    Args:
        pictures: At least one, all of one preparer.

    Returns:
        ``pixel_values`` ``[pictures, most_crops, 3, tile, tile]`` and ``image_sizes`` ``[pictures,
        2]`` (height, width).
    """
    most = max(picture.pixel_values.shape[0] for picture in pictures)
    pixels = pictures[0].pixel_values.new_zeros(
        (len(pictures), most, *pictures[0].pixel_values.shape[1:])
    )
    for row, picture in zip(pixels, pictures, strict=True):
        row[: picture.pixel_values.shape[0]] = picture.pixel_values
    return {
        "pixel_values": pixels,
        "image_sizes": torch.tensor([picture.image_size for picture in pictures]),
    }


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
