"""What generic code asks of a base family and of the image preparer it makes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    import torch
    from PIL import Image

__all__ = ["Family", "ImagePreparer", "PreparedImage"]


class PreparedImage(NamedTuple):
    """An image as one row of a batch takes it."""

    tensors: Mapping[str, torch.Tensor]
    """What the model takes of it, under the model's own names; floats are float32."""
    n_tokens: int
    """Ids of the image token that the prompt needs, at least 1."""


class ImagePreparer(ABC):
    """Turns images into tensors and sizes into token counts, for one checkpoint and image mode."""

    @abstractmethod
    def prepare(self, image: Image.Image) -> PreparedImage:
        """Return an image's tensors and token count; any Pillow mode, turned upright if need be."""

    @abstractmethod
    def count_tokens(self, image_size: tuple[int, int]) -> int:
        """Return how many tokens an image takes, without opening it.

        Args:
            image_size: Height and width in pixels, upright.

        Returns:
            The same number as ``prepare`` gives for an image of this size.
        """

    @abstractmethod
    def collate(
        self, images: Sequence[PreparedImage], input_ids: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Return what the model takes besides ids, mask and labels.

        Args:
            images: One a row, in the rows' order.
            input_ids: Padded ids ``[rows, longest]``, for models that want a word on each token,
                such as which of them are the image's.

        Returns:
            Tensors by the names of the model's ``forward``.
        """


class Family(ABC):
    """One kind of base model: all that sets it apart from the others.

    Generic code asks the family and names no class of a model. What transformers offers for every
    model (``AutoModelForImageTextToText``, ``get_decoder()``, ``config.image_token_id``,
    ``config.get_text_config()``) is asked of the model.
    """

    name: ClassVar[str]
    """What people call it."""
    image_modes: ClassVar[tuple[str, ...]]
    """Those of ``single`` and ``anyres`` that it knows."""
    served_modes: ClassVar[tuple[str, ...]]
    """Of them those in which chat servers cut images too, going by the checkpoint's processor."""
    lora_targets: ClassVar[str]
    """Pattern for PEFT, matched against whole module names: projections of the decoder only."""
    shares_images: ClassVar[bool] = False
    """Whether several rows may share an image in one sequence: the decoder takes a mask of its own
    for every pair of tokens, and positions are a plain count that each row goes on with."""
    projector: ClassVar[str]
    """Name, or end of the name, of the module between vision tower and decoder."""

    @abstractmethod
    def configure(self, config: Any, *, image_mode: str, where: str) -> None:
        """Set a base's configuration for an image mode, in place.

        Args:
            config: What ``config.json`` holds, as transformers reads it.
            image_mode: One of ``image_modes``.
            where: The base's ``config.json``, for messages.

        Raises:
            CheckpointError: If a base of this configuration cannot be used.
        """

    @abstractmethod
    def load_preparer(self, source: str, config: Any, *, image_mode: str) -> ImagePreparer:
        """Return the image preparer of a checkpoint.

        Args:
            source: Folder or hub id that holds the preprocessor's configuration.
            config: The configuration after ``configure``.
            image_mode: One of ``image_modes``.

        Raises:
            CheckpointError: If the preprocessor's configuration is missing or does not fit.
        """
