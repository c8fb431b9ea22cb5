"""The choices behind each number, in one line, so that two numbers can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata

from vsdkit import __version__
from vsdkit.data.relations import RELATIONS
from vsdkit.score.sheet import COCO

__all__ = ["all_signatures"]

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
) -> dict[str, str]:
    """Return the signature of every number, its choices parted by bars.

    Args:
        java: Version of the Java that ran, or n/a.
        tuples_version: Hash of the jars that SPICE parses with, or n/a.
        reading: Which reading makes the totals.
        captions: Whether the numbers of caption papers are among them.
        resampled: What the intervals are made with: images, resamples, seed.
    """
    version = f"vsdkit:{__version__}"
    unit = f"labels:{len(RELATIONS)}|unit:image+subject+object|gold:set|{version}"
    tokens = "tok:ptb-3.4.1|case:lower"
    package = f"pycocoevalcap:{metadata.version('pycocoevalcap')}|{version}"
    bleu = f"smooth:none|length:closest|{tokens}|{package}"
    spice = f"spice:1.0|corenlp:3.6.0|jars:{tuples_version}|java:{java}|{tokens}|{version}"
    totals = {
        name: f"{parts}|reading:{reading}|{version}" for name, parts in _TOTALS[reading].items()
    }
    signatures = {
        "overall": f"0.2 z1 + 0.3 z2 + 0.5 z3|reading:{reading}|{version}",
        **totals,
        "task1.f1_micro": f"average:micro|{unit}",
        "task1.f1_macro": f"average:macro over labels that occur|{unit}",
        "task1.f1_weighted": f"average:weighted by gold|{unit}",
        "task1.f1_samples": f"average:samples|{unit}",
        "task1.accuracy": f"label among the gold ones|{unit}",
        "task2.bleu4": f"refs:each, maximum|mean of items|{bleu}",
        "task2.spice": f"refs:each, maximum|mean of items|{spice}",
        "task2.bleu4_coco": f"refs:all|corpus|{bleu}",
        "task2.spice_coco": f"refs:merged|mean of items|{spice}",
        "task3.mbleu4": f"refs:the other two|mean of 3, then items|{bleu}",
        "task3.mbleu4_corpus": f"refs:the other two|corpus by position, mean of 3|{bleu}",
        "task3.spice": f"refs:each, maximum|mean of 3, then items|{spice}",
        "task3.spice_coco": f"refs:merged|mean of 3, then items|{spice}",
    }
    if captions:
        signatures |= _of_captions(bleu, spice, f"{tokens}|{package}", java)
    if resampled:
        drawn = "|".join(f"{name}:{value}" for name, value in resampled.items())
        signatures["interval"] = (
            f"bootstrap:images with replacement|{drawn}|level:95|percentile"
            f"|numpy:{metadata.version('numpy')}|{version}"
        )
        signatures["p"] = f"paired bootstrap:two-sided, mean moved to zero|{drawn}|{version}"
    return signatures


def _of_captions(bleu: str, spice: str, package: str, java: str) -> dict[str, str]:
    orders = {
        f"{COCO}.bleu{order}": f"refs:all|corpus|order:{order}|{bleu}" for order in range(1, 5)
    }
    return {
        **orders,
        f"{COCO}.meteor": (
            f"refs:best|corpus|meteor:1.5 en norm|java:{java}|interval:the jar on resampled "
            f"statistics|{package}"
        ),
        f"{COCO}.rouge_l": f"refs:best precision, best recall|mean of items|beta:1.2|{package}",
        f"{COCO}.cider": (
            f"refs:all|mean of items|n:4|sigma:6|df:the references scored against"
            f"|interval:df as it is|{package}"
        ),
        f"{COCO}.spice": f"refs:merged|mean of items|{spice}",
    }
