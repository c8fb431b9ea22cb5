"""Signatures: the choices behind each number in one line, so that two numbers can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from typing import NamedTuple

from vsdkit import __version__
from vsdkit.data.relations import RELATIONS
from vsdkit.jvm import LONGEST_PARSED
from vsdkit.score.declared import Total
from vsdkit.score.numbers import all_declared, parts_of, wanted

__all__ = ["Signature", "all_signatures"]

_OF_TOTALS = "reading:{reading}|{version}"


class Signature(NamedTuple):
    """The choices behind a number."""

    own: str
    """Those that tell it from its kin."""
    shared: str
    """Those that it shares with its kin."""

    def __str__(self) -> str:
        """Return all of them, parted by bars."""
        return f"{self.own}|{self.shared}"


def all_signatures(
    *,
    java: str,
    tuples_version: str,
    reading: str = "paper",
    captions: bool = False,
    sub_scores: bool = False,
    resampled: Mapping[str, int] | None = None,
) -> dict[str, Signature]:
    """Return the signature of every number.

    Args:
        java: Version of the Java that ran, or n/a.
        tuples_version: Hash of the jars that SPICE parses with, or n/a.
        reading: Which reading makes the totals.
        captions: Whether the numbers of caption papers are among them.
        sub_scores: Whether SPICE's sub-scores are.
        resampled: What the intervals are made with: images, resamples, seed.
    """
    version = f"vsdkit:{__version__}"
    # The fields that a declaration's parts of a signature may have in braces.
    facts = {
        "version": version,
        "reading": reading,
        "labels": len(RELATIONS),
        "pycocoevalcap": metadata.version("pycocoevalcap"),
        "java": java,
        "jars": tuples_version,
        "longest": LONGEST_PARSED,
    }
    numbers = wanted(captions=captions, sub_scores=sub_scores)
    signatures: dict[str, Signature] = {}
    for one in all_declared():
        if isinstance(one, Total):
            own = one.formula.format(*(part.title for part in parts_of(one, reading)))
            signatures[one.key] = Signature(own, _OF_TOTALS.format(**facts))
        elif one in numbers:
            shared = one.metric.shared.format(**facts)
            signatures[one.key] = Signature(one.own.format(**facts), shared)
    if resampled:
        chosen = "|".join(f"{name}:{value}" for name, value in resampled.items())
        signatures["interval"] = Signature(
            f"bootstrap:images with replacement|{chosen}|level:95|percentile",
            f"numpy:{metadata.version('numpy')}|{version}",
        )
        signatures["p"] = Signature(
            f"paired bootstrap:two-sided, mean moved to zero|{chosen}", version
        )
    return signatures
