"""The sizes of a base model that memory and time depend on, without its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PretrainedConfig

__all__ = ["Shape"]


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a base model."""

    layers: int
    """Layers of the decoder."""
    hidden: int
    """Width of the decoder."""
    intermediate: int
    """Width inside the decoder's feed-forward part."""
    vocabulary: int
    """Numbers that a position's logits have."""
    parameters: int
    """All numbers of the base."""
    in_layers: int
    """Numbers in the decoder's layers: what every token goes through."""
    in_vision: int
    """Numbers of vision tower and projector."""

    @classmethod
    def of(cls, config: PretrainedConfig) -> Shape:
        """Return the sizes of a base, from a model on the meta device: no memory, half a second.

        Args:
            config: The base's, from ``check_base``.
        """
        import torch
        from transformers import AutoModelForImageTextToText

        with torch.device("meta"):
            model = AutoModelForImageTextToText.from_config(config, trust_remote_code=False)
        decoder = model.get_decoder()
        embedding = decoder.get_input_embeddings().weight
        head = model.get_output_embeddings().weight
        total = sum(weight.numel() for weight in model.parameters())
        in_decoder = sum(weight.numel() for weight in decoder.parameters())
        # With tied embeddings they are one weight, which parameters() gives once.
        tied = head is embedding
        text = config.get_text_config()
        return cls(
            layers=text.num_hidden_layers,
            hidden=text.hidden_size,
            intermediate=text.intermediate_size,
            vocabulary=text.vocab_size,
            parameters=total,
            in_layers=in_decoder - embedding.numel(),
            in_vision=total - in_decoder - (0 if tied else head.numel()),
        )
