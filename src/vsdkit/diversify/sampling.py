"""Sampling in which each row's random numbers are its own, whatever rows stand beside it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import LogitsProcessorList

__all__ = ["RowSampler", "sampling_processors", "seed_of_row"]

# The cut of the tail is wider than Qwen2's own (0.8 and 20), since a later attempt is there to
# differ.
_TOP_P = 0.95
_TOP_K = 50


def seed_of_row(seed: int, attempt: int, prompt: str) -> int:
    """Return the seed of one row's random numbers in one attempt.

    >>> seed_of_row(0, 1, "a lamp") == seed_of_row(0, 1, "a lamp")
    True
    >>> seed_of_row(0, 1, "a lamp") == seed_of_row(0, 2, "a lamp")
    False
    """
    content = f"{seed}\0{attempt}\0{prompt}".encode()
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "big")


class RowSampler:
    """A logits processor that samples one token a row, for a ``generate`` that is greedy.

    torch's generators give their numbers to a batch: a row's would depend on its place among the
    others. Here a row has one number for each token it may write, from a generator of its own, and
    takes the token in whose share of the probability the number falls. All other tokens are then
    impossible, so that the greedy choice is the sampled one.

    Args:
        seeds: One a row, from ``seed_of_row``.
        tokens: Tokens that a row may write at most.
        prompt_width: Columns of the batch before the first token is written.
    """

    def __init__(self, seeds: Sequence[int], *, tokens: int, prompt_width: int) -> None:
        import torch

        generators = [random.Random(seed) for seed in seeds]
        numbers = [[generator.random() for _ in range(tokens)] for generator in generators]
        self._numbers = torch.tensor(numbers, dtype=torch.float64)
        self._prompt_width = prompt_width

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return scores [rows, vocabulary] that leave one token a row.

        Args:
            input_ids: What stands there so far [rows, columns].
            scores: Logits of the next token, tempered and cut already.
        """
        import torch

        step = input_ids.shape[1] - self._prompt_width
        numbers = self._numbers[:, step, None].to(scores.device)
        # In the order of the vocabulary, not of the probability: two tokens about equally likely
        # may change places when sums are rounded otherwise.
        shares = scores.double().softmax(-1).cumsum(-1)
        # The first token whose share ends beyond the number: never one without a share.
        chosen = torch.searchsorted(shares, numbers * shares[:, -1:], right=True)
        alone = torch.full_like(scores, -torch.inf)
        return alone.scatter(1, chosen, 0.0)


def sampling_processors(sampler: RowSampler, *, temperature: float) -> LogitsProcessorList:
    """Return what turns logits into one sampled token a row: temperature, top-k, top-p, choice."""
    from transformers import (
        LogitsProcessorList,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    return LogitsProcessorList(
        [
            TemperatureLogitsWarper(temperature),
            TopKLogitsWarper(_TOP_K),
            TopPLogitsWarper(_TOP_P),
            sampler,
        ]
    )
