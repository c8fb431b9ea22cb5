"""Pure scores on labels and tokenised sentences; nothing is read, written or started here."""

from __future__ import annotations

from vsdkit.metrics.bleu import (
    Bleu,
    MBleu,
    bleu4_by_reference,
    mean_mbleu4,
    score_bleu4,
    score_mbleu4,
)
from vsdkit.metrics.f1 import RelationScore, score_relations
from vsdkit.metrics.overall import overall, z2, z3

__all__ = [
    "Bleu",
    "MBleu",
    "RelationScore",
    "bleu4_by_reference",
    "mean_mbleu4",
    "overall",
    "score_bleu4",
    "score_mbleu4",
    "score_relations",
    "z2",
    "z3",
]
