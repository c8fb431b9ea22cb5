"""Error bars of a sheet: every number, the totals of resampled parts, differences in pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from vsdkit.data.records import GoldRow, PredictionRow
from vsdkit.jvm import SpiceCase
from vsdkit.metrics import overall, z2, z3
from vsdkit.score import measure
from vsdkit.score.align import align, check_gold
from vsdkit.score.sheet import Sheet
from vsdkit.score.uncertainty import Drawn, differences_of, intervals_of

SENTENCES = (
    "a red cup on a tray",
    "a red cup on the tray",
    "the old boat lies near a pier",
    "there is a grey dog under the tray",
)
TOKENS = {text: text.split() for text in SENTENCES}
IMAGES = 30
GOLD = check_gold(
    GoldRow.from_dict(
        {"id": str(number), "image": f"{number}.jpg", "task": task, "subject": "a", "object": "b"}
        | {"relations": ["on" if number % 3 else "in"]}
        | {"references": list(SENTENCES[number % 3 : number % 3 + 2])}
    )
    for number in range(IMAGES)
    for task in (1, 2, 3)
)


def overlap(cases: Sequence[SpiceCase]) -> list[float]:
    """Return the share of the sentence's words that a reference has: stands for SPICE."""
    return [
        100.0 * len(words & set(" ".join(case.references).split())) / max(1, len(words))
        for case in cases
        for words in [set(case.sentence.split())]
    ]


def sheet(name: str, seed: int, *, reading: str = "paper") -> Sheet:
    random = np.random.default_rng(seed)
    rows = {}
    for key in GOLD:
        chosen = [str(text) for text in random.choice(SENTENCES, size=3)]
        label = str(random.choice(["on", "in", "under"]))
        answers: dict[int, object] = {1: label, 2: chosen[0], 3: tuple(chosen)}
        silent = random.random() < 0.1
        rows[key] = PredictionRow(key.id, key.task, None if silent else answers[key.task])  # type: ignore[arg-type]
    made = Sheet(name, align(GOLD, rows), captions=True)
    made.enter(1, measure.relations_of_task1(made.pairs(1)))
    made.enter(2, measure.bleu_of_task2(made.pairs(2), TOKENS))
    made.enter(2, measure.captions_of_task2(made.pairs(2), TOKENS), under="coco_metrics")
    made.enter(2, measure.Measured({"meteor": 1.0}, [{}] * IMAGES), under="coco_metrics")
    made.enter(2, measure.spice_of_task2(made.pairs(2), TOKENS, overlap))
    made.enter(3, measure.bleu_of_task3(made.pairs(3), TOKENS))
    made.enter(3, measure.spice_of_task3(made.pairs(3), TOKENS, overlap))
    made.finish(reading)
    return made


@pytest.mark.parametrize("reading", ["paper", "coco"])
def test_sums_over_all_images_give_every_number(
    reading: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sheet("a", 1, reading=reading)
    drawn = Drawn(GOLD.values(), number=100, seed=0)
    # Each image once: no choice, so that each value must be the number itself.
    monkeypatch.setattr(
        "vsdkit.metrics.intervals.Resamples._counts", lambda self: [np.ones((1, self.images))]
    )
    values = drawn.values(made, reading)
    counted = {f"task{task}.{name}" for task in (1, 2, 3) for name in ("n", "missing", "unparsed")}
    assert set(made.numbers) - set(values) == counted | {"coco_metrics.meteor"}
    for name, value in values.items():
        assert value[0] == pytest.approx(made.numbers[name]), name


def test_totals_are_made_of_resampled_parts() -> None:
    made = sheet("a", 1)
    values = Drawn(GOLD.values(), number=200, seed=0).values(made, "paper")
    assert values["z2"] == pytest.approx(z2(values["task2.bleu4"], values["task2.spice"]))
    assert values["z3"] == pytest.approx(z3(values["task3.mbleu4"], values["task3.spice"]))
    assert values["overall"] == pytest.approx(overall(values["z1"], values["z2"], values["z3"]))
    intervals = intervals_of(values)
    for name, one in intervals.items():
        assert one is not None
        number = made.numbers[name]
        assert number is not None
        assert one.low < number < one.high, name


def test_same_seed_gives_the_same_intervals_and_another_others() -> None:
    made = sheet("a", 1)
    same, again, other = (
        intervals_of(Drawn(GOLD.values(), number=100, seed=seed).values(made, "paper"))
        for seed in (0, 0, 1)
    )
    assert same == again
    assert same["overall"] != other["overall"]


def test_difference_is_narrower_in_pairs_than_its_two_intervals() -> None:
    first, second = sheet("a", 1), sheet("a", 1)
    # The second differs from the first in one label only.
    wrong = next(number for number, row in enumerate(second.items[1]) if not row["correct"])
    part = next(part for part in second.sums[1] if part.kind == "mean")
    part.rows[wrong] = (100, 100)  # type: ignore[index]
    second.numbers["task1.accuracy"] = float(second.numbers["task1.accuracy"] or 0) + 100 / IMAGES
    drawn = Drawn(GOLD.values(), number=1000, seed=0)
    values = drawn.values(first, "paper"), drawn.values(second, "paper")
    found = differences_of(first, second, values)
    accuracy = found["task1.accuracy"]
    assert accuracy.difference == pytest.approx(100 / IMAGES)
    assert accuracy.interval is not None
    alone = intervals_of(values[0])["task1.accuracy"]
    assert alone is not None
    assert accuracy.interval.low >= 0
    assert accuracy.interval.high - accuracy.interval.low < (alone.high - alone.low) / 2
    assert found["task2.spice"] == (0, (0, 0), 1)
    assert not any(name.endswith((".n", ".missing", ".unparsed")) for name in found)


def test_difference_without_resamples_has_neither_interval_nor_p() -> None:
    first, second = sheet("a", 1), sheet("b", 2)
    second.numbers["task2.spice"] = None
    found = differences_of(first, second, None)
    assert "task2.spice" not in found
    assert found["z1"].interval is found["z1"].p is None


def test_meteor_is_drawn_on_the_same_images() -> None:
    made = sheet("a", 1)
    drawn = Drawn(GOLD.values(), number=150, seed=0)
    rows = [[row["spice"]] for row in made.items[2]]
    sums = np.asarray(drawn.sums(made.pairs(2), rows))[:, 0]
    assert sums / IMAGES == pytest.approx(drawn.values(made, "paper")["task2.spice"])
    made.resampled["coco_metrics.meteor"] = list(sums)
    assert drawn.values(made, "paper")["coco_metrics.meteor"] == pytest.approx(sums)
