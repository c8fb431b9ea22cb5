"""The choices behind each number, in one line, so that two numbers can be compared."""

from __future__ import annotations

from importlib import metadata

from vsdkit.data.relations import RELATIONS

__all__ = ["all_signatures"]


def all_signatures(*, java: str, tuples_version: str) -> dict[str, str]:
    """Return the signature of every number.

    Args:
        java: Version of the Java that ran, or n/a.
        tuples_version: Hash of the jars that SPICE parses with, or n/a.
    """
    unit = f"labels:{len(RELATIONS)}; unit:image+subject+object; gold:set"
    tokens = "tokens:ptb-3.4.1"
    package = f"pycocoevalcap:{metadata.version('pycocoevalcap')}"
    bleu = f"smoothing:none; length:closest; {tokens}; {package}"
    spice = f"spice:1.0; corenlp:3.6.0; jars:{tuples_version}; java:{java}; {tokens}"
    return {
        "overall": "0.2 z1 + 0.3 z2 + 0.5 z3",
        "z1": "task 1 F1 micro",
        "z2": "0.4 BLEU-4 + 0.6 SPICE",
        "z3": "0.5 (50 - mBLEU-4) + 0.5 SPICE",
        "task1.f1_micro": f"average:micro; {unit}",
        "task1.f1_macro": f"average:macro over labels that occur; {unit}",
        "task1.f1_weighted": f"average:weighted by gold; {unit}",
        "task1.f1_samples": f"average:samples; {unit}",
        "task1.accuracy": f"label among the gold ones; {unit}",
        "task2.bleu4": f"references:each, maximum; {bleu}",
        "task2.spice": f"references:each, maximum; {spice}",
        "task2.bleu4_coco": f"references:all; corpus; {bleu}",
        "task2.spice_coco": f"references:merged; {spice}",
        "task3.mbleu4": f"references:the other two; {bleu}",
        "task3.spice": f"references:each, maximum; mean of 3; {spice}",
        "task3.mbleu4_corpus": f"references:the other two; corpus by position; mean of 3; {bleu}",
    }
