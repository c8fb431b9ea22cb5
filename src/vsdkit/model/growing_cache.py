"""Keys and values that grow by a token at a time without being copied each time."""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import DynamicLayer

__all__ = ["GrowingLayer"]

_SPARE = 256
"""Tokens of capacity beside those that are there: most answers fit, and an image has some 2,340."""


class GrowingLayer(DynamicLayer):  # type: ignore[misc]  # transformers has no types here
    """Keys and values of one layer, with capacity behind them for the next tokens.

    The layer that transformers has copies all of them for each new token: with an image of 2,340
    tokens and a 13B model 2 GB an image and token.
    """

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self._buffers: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Put new tokens behind those that are there, and return all.

        Args:
            key_states: ``[batch, heads, new tokens, head size]``.
            value_states: As ``key_states``.
            *args: Not read.
            **kwargs: Not read.
        """
        del args, kwargs  # which are of other kinds of layers
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        before = self.get_seq_length()
        length = before + key_states.shape[-2]
        if self._buffers is None or self._buffers[0].shape[-2] < length:
            self._buffers = (
                self._enlarge(self.keys, key_states, before, length + _SPARE),
                self._enlarge(self.values, value_states, before, length + _SPARE),
            )
        keys, values = self._buffers
        keys[..., before:length, :] = key_states
        values[..., before:length, :] = value_states
        self.keys, self.values = keys[..., :length, :], values[..., :length, :]
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep some sequences of the batch; the capacity of the others is freed with them."""
        super().batch_select_indices(indices)
        self._buffers = None

    @staticmethod
    def _enlarge(held: torch.Tensor, new: torch.Tensor, before: int, length: int) -> torch.Tensor:
        buffer = new.new_empty((*new.shape[:-2], length, new.shape[-1]))
        if before:
            buffer[..., :before, :] = held
        return buffer
