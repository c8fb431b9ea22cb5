"""Pure scores on labels and tokenised sentences; nothing is read, written or started here."""

from __future__ import annotations

from vsdkit.metrics.bleu import (
    Bleu,
    BleuReadings,
    MBleu,
    bleu4_by_reference,
    bleu4_readings,
    mean_mbleu4,
    score_bleu4,
    score_mbleu4,
)
from vsdkit.metrics.captions import score_cider, score_rouge_l
from vsdkit.metrics.f1 import RelationScore, count_labels, score_relations
from vsdkit.metrics.overall import overall, z2, z3
from vsdkit.metrics.statistics import RowStatistics

__all__ = [
    "Bleu",
    "BleuReadings",
    "MBleu",
    "RelationScore",
    "RowStatistics",
    "bleu4_by_reference",
    "bleu4_readings",
    "count_labels",
    "mean_mbleu4",
    "overall",
    "score_bleu4",
    "score_cider",
    "score_mbleu4",
    "score_relations",
    "score_rouge_l",
    "z2",
    "z3",
]
