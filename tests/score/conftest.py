"""Systems with random answers to made-up gold, scored without Java."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest

from vsdkit.data.records import GoldRow, PredictionRow, RowKey
from vsdkit.formats.align import align, check_gold
from vsdkit.jvm import MeteorScore, SpiceCase, SpiceParts
from vsdkit.score.measure import SPICE_KINDS, Evidence, spice_cases
from vsdkit.score.numbers import wanted
from vsdkit.score.system_scores import SystemScores

SENTENCES = (
    "a red cup on a tray",
    "a red cup on the tray",
    "the old boat lies near a pier",
    "there is a grey dog under the tray",
)
TOKENS = {text: text.split() for text in SENTENCES}
IMAGES = 30

ScoreSystem = Callable[..., SystemScores]
Overlap = Callable[[Iterable[SpiceCase]], dict[SpiceCase, float]]


@pytest.fixture
def gold() -> dict[RowKey, GoldRow]:
    """Return the three rows of 30 items, each of an image of its own."""
    return check_gold(
        GoldRow.from_dict(
            {"id": str(n), "image": f"{n}.jpg", "task": task, "subject": "a", "object": "b"}
            | {"relations": ["on" if n % 3 else "in"]}
            | {"references": list(SENTENCES[n % 3 : n % 3 + 2])}
        )
        for n in range(IMAGES)
        for task in (1, 2, 3)
    )


@pytest.fixture
def overlap() -> Overlap:
    """Return what stands for SPICE: the share of the sentence's words that a reference has."""

    def share(case: SpiceCase) -> float:
        words = set(case.sentence.split())
        return 100 * len(words & set(" ".join(case.references).split())) / max(1, len(words))

    return lambda cases: {case: share(case) for case in cases}


@pytest.fixture
def scored(gold: dict[RowKey, GoldRow], overlap: Overlap) -> ScoreSystem:
    """Return a function that scores random answers, METEOR standing at 1."""

    def score(name: str, seed: int, *, reading: str = "paper") -> SystemScores:
        random = np.random.default_rng(seed)
        rows = {}
        for key in gold:
            chosen = [str(text) for text in random.choice(SENTENCES, size=3)]
            label = str(random.choice(["on", "in", "under"]))
            answers: dict[int, object] = {1: label, 2: chosen[0], 3: tuple(chosen)}
            silent = random.random() < 0.1
            answer = None if silent else answers[key.task]
            rows[key] = PredictionRow(key.id, key.task, answer)  # type: ignore[arg-type]
        made = SystemScores(name, align(gold, rows), numbers=wanted(captions=True, sub_scores=True))
        known = Evidence(TOKENS)
        cases = [case for task in (2, 3) for case in spice_cases(made.rows(task), known)]
        meteor = MeteorScore(1.0, [1.0] * IMAGES, [])
        shares = overlap(cases)
        parts = {case: _parts(case, share) for case, share in shares.items()}
        evidence = Evidence(TOKENS, spice=shares, spice_parts=parts, meteor=meteor)
        for needs in ("labels", "tokens", "spice", "meteor"):
            made.measure(needs, evidence)  # type: ignore[arg-type]
        made.finish(reading)
        return made

    return score


def _parts(case: SpiceCase, share: float) -> SpiceParts:
    """Return what stands for sub-scores: references with a colour say something of it alone."""
    coloured = any("red" in text for text in case.references)
    return {
        kind: {"f": share / 100 if coloured or kind != "Color" else None} for kind in SPICE_KINDS
    }
