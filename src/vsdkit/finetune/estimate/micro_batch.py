"""The size of what a process takes at once: all that memory and time are computed from."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["MicroBatch"]


class MicroBatch(NamedTuple):
    """Sizes of one micro-batch, however it was made: padded rows, or one packed sequence."""

    sequences: int
    """Sequences, each padded to the longest: the rows, or 1 for a packed sequence."""
    longest: int
    """Tokens of the longest sequence."""
    tokens: int
    """Tokens of all sequences without padding."""
    image_tokens: int
    """Of these, the images'."""
    kept: int
    """Positions of the sequence that get logits, the same for all sequences."""

    @property
    def positions(self) -> int:
        """Tokens that are computed, padding included."""
        return self.sequences * self.longest

    @property
    def logits(self) -> int:
        """Positions of all sequences that get logits."""
        return self.sequences * self.kept
