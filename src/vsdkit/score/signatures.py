"""The choices behind each number, in one line, so that two numbers can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from typing import NamedTuple

from vsdkit import __version__
from vsdkit.data.relations import RELATIONS
from vsdkit.jvm import LONGEST_PARSED
from vsdkit.score.sheet import COCO

__all__ = ["Signature", "all_signatures"]


class Signature(NamedTuple):
    """The choices behind a number: its own, and those it shares with its kin."""

    own: str
    shared: str

    def __str__(self) -> str:
        """Return all of them, parted by bars."""
        return f"{self.own}|{self.shared}"


_TOTALS = {
    "paper": {
        "z1": "task 1 F1 micro",
        "z2": "0.4 BLEU-4 + 0.6 SPICE",
        "z3": "0.5 (50 - mBLEU-4) + 0.5 SPICE",
    },
    "coco": {
        "z1": "task 1 F1 micro",
        "z2": "0.4 BLEU-4 coco + 0.6 SPICE coco",
        "z3": "0.5 (50 - mBLEU-4 corpus) + 0.5 SPICE coco",
    },
}


def all_signatures(
    *,
    java: str,
    tuples_version: str,
    reading: str = "paper",
    captions: bool = False,
    resampled: Mapping[str, int] | None = None,
) -> dict[str, Signature]:
    """Return the signature of every number.

    Args:
        java: Version of the Java that ran, or n/a.
        tuples_version: Hash of the jars that SPICE parses with, or n/a.
        reading: Which reading makes the totals.
        captions: Whether the numbers of caption papers are among them.
        resampled: What the intervals are made with: images, resamples, seed.
    """
    version = f"vsdkit:{__version__}"
    total = f"reading:{reading}|{version}"
    relation = f"labels:{len(RELATIONS)}|unit:image+subject+object|gold:set|{version}"
    tokens = "tok:ptb-3.4.1|case:lower"
    package = f"pycocoevalcap:{metadata.version('pycocoevalcap')}|{version}"
    bleu = f"smooth:none|length:closest|{tokens}|{package}"
    jars = f"jars:{tuples_version}|java:{java}"
    spice = f"spice:1.0|corenlp:3.6.0|{jars}|longest:{LONGEST_PARSED} words|{tokens}|{version}"
    signatures = {
        "overall": Signature("0.2 z1 + 0.3 z2 + 0.5 z3", total),
        **{name: Signature(parts, total) for name, parts in _TOTALS[reading].items()},
        "task1.f1_micro": Signature("average:micro", relation),
        "task1.f1_macro": Signature("average:macro over labels that occur", relation),
        "task1.f1_weighted": Signature("average:weighted by gold", relation),
        "task1.f1_samples": Signature("average:samples", relation),
        "task1.accuracy": Signature("label among the gold ones", relation),
        "task2.bleu4": Signature("refs:each, maximum|mean of items", bleu),
        "task2.spice": Signature("refs:each, maximum|mean of items", spice),
        "task2.bleu4_coco": Signature("refs:all|corpus", bleu),
        "task2.spice_coco": Signature("refs:merged|mean of items", spice),
        "task3.mbleu4": Signature("refs:the other two|mean of 3, then items", bleu),
        "task3.mbleu4_corpus": Signature("refs:the other two|corpus by position, mean of 3", bleu),
        "task3.spice": Signature("refs:each, maximum|mean of 3, then items", spice),
        "task3.spice_coco": Signature("refs:merged|mean of 3, then items", spice),
    }
    if captions:
        signatures |= _of_captions(bleu, spice, f"{tokens}|{package}", java)
    if resampled:
        drawn = "|".join(f"{name}:{value}" for name, value in resampled.items())
        signatures["interval"] = Signature(
            f"bootstrap:images with replacement|{drawn}|level:95|percentile",
            f"numpy:{metadata.version('numpy')}|{version}",
        )
        signatures["p"] = Signature(
            f"paired bootstrap:two-sided, mean moved to zero|{drawn}", version
        )
    return signatures


def _of_captions(bleu: str, spice: str, package: str, java: str) -> dict[str, Signature]:
    orders = {
        f"{COCO}.bleu{order}": Signature(f"refs:all|corpus|order:{order}", bleu)
        for order in range(1, 5)
    }
    return {
        **orders,
        f"{COCO}.meteor": Signature(
            f"refs:best|corpus|meteor:1.5 en norm|java:{java}|interval:the jar on resampled "
            "statistics",
            package,
        ),
        f"{COCO}.rouge_l": Signature(
            "refs:best precision, best recall|mean of items|beta:1.2", package
        ),
        f"{COCO}.cider": Signature(
            "refs:all|mean of items|n:4|sigma:6|df:the references scored against"
            "|interval:df as it is",
            package,
        ),
        f"{COCO}.spice": Signature("refs:merged|mean of items", spice),
    }
