"""Error bars of a system: every number, totals of resampled parts, paired differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vsdkit.data.records import GoldRow, RowKey
from vsdkit.metrics import overall, z2, z3
from vsdkit.score.system_scores import SystemScores
from vsdkit.score.uncertainty import ImageResamples, differences_of, intervals_of

Gold = dict[RowKey, GoldRow]
ScoreSystem = Callable[..., SystemScores]
IMAGES = 30


@pytest.mark.parametrize("reading", ["paper", "coco"])
def test_sums_over_all_images_give_every_number(
    reading: str, gold: Gold, scored: ScoreSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = scored("a", 1, reading=reading)
    resamples = ImageResamples(gold.values(), number=100, seed=0)
    # Each image once: no choice, so that each value must be the number itself.
    monkeypatch.setattr(
        "vsdkit.metrics.intervals.Resamples._counts", lambda self: [np.ones((1, self.images))]
    )
    values = resamples.values(made, reading)
    assert set(made.numbers) - set(values) == {"coco_metrics.meteor"}
    for name, value in values.items():
        assert value[0] == pytest.approx(made.numbers[name]), name


def test_totals_are_made_of_resampled_parts(gold: Gold, scored: ScoreSystem) -> None:
    made = scored("a", 1)
    values = ImageResamples(gold.values(), number=200, seed=0).values(made, "paper")
    assert values["z2"] == pytest.approx(z2(values["task2.bleu4"], values["task2.spice"]))
    assert values["z3"] == pytest.approx(z3(values["task3.mbleu4"], values["task3.spice"]))
    assert values["overall"] == pytest.approx(overall(values["z1"], values["z2"], values["z3"]))
    intervals = intervals_of(values)
    for name, one in intervals.items():
        assert one is not None
        number = made.numbers[name]
        assert number is not None
        assert one.low < number < one.high, name


def test_same_seed_gives_the_same_intervals_and_another_others(
    gold: Gold, scored: ScoreSystem
) -> None:
    made = scored("a", 1)
    same, again, other = (
        intervals_of(ImageResamples(gold.values(), number=100, seed=seed).values(made, "paper"))
        for seed in (0, 0, 1)
    )
    assert same == again
    assert same["overall"] != other["overall"]


def test_difference_is_narrower_in_pairs_than_its_two_intervals(
    gold: Gold, scored: ScoreSystem
) -> None:
    first, second = scored("a", 1), scored("a", 1)
    # The second differs from the first in one label only.
    wrong = next(number for number, row in enumerate(second.items[1]) if not row["correct"])
    (part,) = second.statistics[1]
    label = ("on", "in").index(second.rows(1)[wrong].gold.relations[0])
    part.rows[wrong][label] = 1  # type: ignore[index]
    second.numbers["task1.accuracy"] = float(second.numbers["task1.accuracy"] or 0) + 100 / IMAGES
    resamples = ImageResamples(gold.values(), number=1000, seed=0)
    values = resamples.values(first, "paper"), resamples.values(second, "paper")
    found = differences_of(first, second, values)
    accuracy = found["task1.accuracy"]
    assert accuracy.difference == pytest.approx(100 / IMAGES)
    assert accuracy.interval is not None
    alone = intervals_of(values[0])["task1.accuracy"]
    assert alone is not None
    assert accuracy.interval.low >= 0
    assert accuracy.interval.high - accuracy.interval.low < (alone.high - alone.low) / 2
    assert found["task2.spice"] == (0, (0, 0), 1)


def test_difference_without_resamples_has_neither_interval_nor_p(scored: ScoreSystem) -> None:
    first, second = scored("a", 1), scored("b", 2)
    second.numbers["task2.spice"] = None
    found = differences_of(first, second, None)
    assert "task2.spice" not in found
    assert found["z1"].interval is found["z1"].p is None


def test_meteor_is_resampled_on_the_same_images(gold: Gold, scored: ScoreSystem) -> None:
    made = scored("a", 1)
    resamples = ImageResamples(gold.values(), number=150, seed=0)
    rows = [[row["spice"]] for row in made.items[2]]
    sums = np.asarray(resamples.sums(made.rows(2), rows))[:, 0]
    assert sums / IMAGES == pytest.approx(resamples.values(made, "paper")["task2.spice"])
    made.resampled["coco_metrics.meteor"] = list(sums)
    assert resamples.values(made, "paper")["coco_metrics.meteor"] == pytest.approx(sums)
