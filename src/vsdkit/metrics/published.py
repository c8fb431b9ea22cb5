"""The numbers that papers and the challenge print for this task: each typed here and nowhere else.

``vsdkit.data.published`` knows the published files; this module knows the published results.
"""

from __future__ import annotations

from typing import NamedTuple

from vsdkit.metrics.overall import overall, z2, z3

__all__ = [
    "CHALLENGE",
    "EARLIER",
    "LLAVA_VSD",
    "LLAVA_VSD_WITHOUT_REWRITING",
    "Published",
]

_PAPER = "LLaVA-VSD, doi 10.1145/3664647.3688992"
# Totals alone are published: no system's numbers of single tasks.
_LEADERBOARD = (
    "leaderboard of the ACM MM 2024 VSD challenge, lllogen.github.io/vsd-challenge.github.io"
)
# Training logs with coco-caption's numbers, of models that Zhao et al. published in 2022.
_RERUN = "a later run of the models of arXiv 2210.11109, logs in github.com/zhangjingxian1998/VSD"


class Published(NamedTuple):
    """A row that somebody published; all numbers 0 to 100, None where none is published."""

    system: str
    """What the source calls it."""
    source: str
    """Where it is printed."""
    split: str = "test"
    """The split of VSD that it was measured on."""
    reading: str = "as printed"
    """Which reading of BLEU-4 and SPICE it is of: ``coco``, or ``as printed`` where its source does
    not say."""
    f1: float | None = None
    """F1 of task 1, which is z1."""
    bleu4: float | None = None
    """BLEU-4 of task 2."""
    spice2: float | None = None
    """SPICE of task 2."""
    mbleu4: float | None = None
    """mBLEU-4 of task 3; lower is better."""
    spice3: float | None = None
    """SPICE of task 3."""
    total: float | None = None
    """The overall, as it is printed."""

    @property
    def z1(self) -> float | None:
        """The score of task 1."""
        return self.f1

    @property
    def z2(self) -> float | None:
        """The score of task 2; None unless both its parts are published.

        >>> round(LLAVA_VSD.z2, 4)
        66.1529
        """
        if self.bleu4 is None or self.spice2 is None:
            return None
        return z2(self.bleu4, self.spice2)

    @property
    def z3(self) -> float | None:
        """The score of task 3; None unless both its parts are published."""
        if self.mbleu4 is None or self.spice3 is None:
            return None
        return z3(self.mbleu4, self.spice3)

    @property
    def overall(self) -> float | None:
        """The total as it is printed, else of the parts; None where neither can be had."""
        if self.total is not None:
            return self.total
        if self.z1 is None or self.z2 is None or self.z3 is None:
            return None
        return overall(self.z1, self.z2, self.z3)


LLAVA_VSD = Published(
    "LLaVA-VSD",
    f"{_PAPER}, Table 2",
    f1=78.8728,
    bleu4=51.9585,
    spice2=75.6158,
    mbleu4=0.6916,
    spice3=45.809,
    total=59.3998,
)
"""The system that this toolkit is about, as it was submitted: with rewriting."""

LLAVA_VSD_WITHOUT_REWRITING = Published(
    "LLaVA-VSD without rewriting",
    # Printed the other way round, beside the tick for rewriting: but it is the row of Table 2, with
    # the lower mBLEU-4, that was rewritten, and only that one gives the printed total.
    f"{_PAPER}, Table 4",
    mbleu4=7.0931,
    spice3=46.0628,
)
"""The second row of the paper's Table 4; of tasks 1 and 2 it says nothing."""

EARLIER = (
    Published(
        "VL-T5, VSRC end to end",
        f"{_PAPER}, Table 2",
        reading="coco",
        bleu4=54.31,
        spice2=68.74,
    ),
    Published("VL-BART", _RERUN, reading="coco", bleu4=54.52, spice2=68.95),
    Published("VL-T5", _RERUN, reading="coco", bleu4=54.72, spice2=68.95),
    Published("VL-T5, VSRC end to end", _RERUN, reading="coco", bleu4=53.88, spice2=68.88),
    Published(
        "VL-T5, VSRC end to end, gold relation", _RERUN, reading="coco", bleu4=72.24, spice2=76.95
    ),
)
"""Earlier systems on VSDv1, which is task 2."""

CHALLENGE = (
    Published("Token", _LEADERBOARD, total=63.2064),
    Published("USTC-IAT-United", _LEADERBOARD, total=62.1149),
    Published("ppjj", _LEADERBOARD, total=59.8638),
    Published("GXU-LIPE", _LEADERBOARD, total=59.6864),
    # Whose DMCV is, the leaderboard does not say: its total is the paper's, to the last digit.
    Published("DMCV, with the total of LLaVA-VSD", _LEADERBOARD, total=LLAVA_VSD.total),
)
"""The totals of the challenge, the best first."""
