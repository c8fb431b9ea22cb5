"""Pure scores on labels and tokenised sentences; nothing is read, written or started here."""

from __future__ import annotations

from vsdkit.metrics.bleu import (
    WORST_MBLEU4,
    Bleu,
    BleuReadings,
    MBleu,
    bleu4_readings,
    score_bleu4,
    score_mbleu4,
)
from vsdkit.metrics.captions import score_cider, score_rouge_l
from vsdkit.metrics.f1 import RelationScore, relation_statistics, score_relations
from vsdkit.metrics.overall import overall, z2, z3
from vsdkit.metrics.statistics import BLEU_COLUMNS, CORPUS_VALUES, RowStatistics

__all__ = [
    "BLEU_COLUMNS",
    "CORPUS_VALUES",
    "WORST_MBLEU4",
    "Bleu",
    "BleuReadings",
    "MBleu",
    "RelationScore",
    "RowStatistics",
    "bleu4_readings",
    "overall",
    "relation_statistics",
    "score_bleu4",
    "score_cider",
    "score_mbleu4",
    "score_relations",
    "score_rouge_l",
    "z2",
    "z3",
]
