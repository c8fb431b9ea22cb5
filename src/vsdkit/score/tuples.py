"""SPICE's tuples row by row: which of a sentence's matched, and which of its reference are missing.

They explain SPICE, so they are of the reference that counts: the best one alone in the paper's
reading, all references merged in COCO's.
"""

from __future__ import annotations

from typing import Any

from vsdkit.formats.align import AlignedRow
from vsdkit.jvm import SpiceCase
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


def tuple_facts(row: AlignedRow, evidence: Evidence, reading: str) -> dict[str, Any]:
    """Return what a row's own values say of tuples: ``tuples``, one entry a sentence.

    An entry holds ``said``, the sentence's tuples, and ``known``, those of what it is held
    against, each with whether it matched; ``reference`` is the place of the one that counts, None
    where all are merged.
    """
    _, references = spice_texts(row, evidence)
    return {
        "tuples": [
            {
                **{
                    side: [(list(one.words), one.matched) for one in tuples]
                    for side, tuples in evidence.spice_matches[case]._asdict().items()
                },
                "reference": None if reading == "coco" else references.index(case.references[0]),
            }
            for case in counted_cases(row, evidence, reading)
        ]
    }
