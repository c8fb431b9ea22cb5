"""The challenge's totals: z2 of task 2, z3 of task 3, and the overall."""

from __future__ import annotations

__all__ = ["BEST_MBLEU4_BASE", "overall", "z2", "z3"]

# The challenge's own constant: z3 = 0.5 (50 - mBLEU-4) + 0.5 SPICE.
BEST_MBLEU4_BASE = 50
"""mBLEU-4 is taken off this, so that more diverse counts more; the best overall is 87.5."""


def z2(bleu4: float, spice: float) -> float:
    """Return the score of task 2, all values 0 to 100.

    >>> round(z2(51.9585, 75.6158), 4)
    66.1529
    """
    return 0.4 * bleu4 + 0.6 * spice


def z3(mbleu4: float, spice: float) -> float:
    """Return the score of task 3, all values 0 to 100.

    >>> round(z3(0.6916, 45.809), 4)
    47.5587
    """
    return 0.5 * (BEST_MBLEU4_BASE - mbleu4) + 0.5 * spice


def overall(z1: float, z2: float, z3: float) -> float:
    """Return the challenge's total of the three tasks' scores.

    >>> round(overall(78.8728, z2(51.9585, 75.6158), z3(0.6916, 45.809)), 4)
    59.3998
    """
    return 0.2 * z1 + 0.3 * z2 + 0.5 * z3
