"""SPICE's tuples row by row: which of a sentence's matched, and which of its reference are missing.

They explain SPICE, so they are of the reference that counts: the best one alone in the paper's
reading, all references merged in COCO's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vsdkit.formats.align import AlignedRow
from vsdkit.jvm import SpiceCase, SpiceMatches
from vsdkit.score.measure import Evidence, spice_texts

__all__ = ["counted_cases", "tuple_facts"]


def counted_cases(row: AlignedRow, evidence: Evidence, reading: str) -> list[SpiceCase]:
    """Return the case of each sentence of a row that makes its SPICE in a reading.

    Args:
        row: A row of task 2 or 3.
        evidence: With tokens, and SPICE of the row's cases.
        reading: paper or coco.
    """
    sentences, references = spice_texts(row, evidence)
    if reading == "coco":
        return [SpiceCase(sentence, references) for sentence in sentences]
    # Of equally good references the first, as a person would read them.
    return [
        max(SpiceCase.alone(sentence, references), key=lambda case: evidence.spice[case])
        for sentence in sentences
    ]


def tuple_facts(row: AlignedRow, evidence: Evidence, reading: str) -> Mapping[str, Any]:
    """Return what a row's own values say of tuples: ``tuples`` and ``missing_tuples``.

    Of task 3 both are lists of three, one for each sentence. A tuple stands with whether it
    matched; what is missing stands alone.
    """
    matches = [evidence.spice_matches[case] for case in counted_cases(row, evidence, reading)]
    said = [[(list(one.words), one.matched) for one in case.said] for case in matches]
    missing = list(map(_missing, matches))
    if row.gold.task == 3:
        return {"tuples": said, "missing_tuples": missing}
    return {"tuples": said[0], "missing_tuples": missing[0]}


def _missing(case: SpiceMatches) -> Sequence[list[str]]:
    return [list(one.words) for one in case.known if not one.matched]
