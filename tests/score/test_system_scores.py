from __future__ import annotations

import pytest

from vsdkit.data.records import GoldRow, PredictionRow, RowKey
from vsdkit.errors import MetricError
from vsdkit.formats.align import Aligned, align
from vsdkit.jvm import MeteorScore, SpiceCase
from vsdkit.metrics import overall, z2, z3
from vsdkit.score.measure import Evidence
from vsdkit.score.numbers import NUMBERS, OVERALL, TASK_TOTALS, wanted
from vsdkit.score.system_scores import SystemScores

TEXTS = ("a cup is on a tray", "there is a cup on it", "a tray under a cup")
TOKENS = {text: text.split() for text in TEXTS}
SPICE = {
    SpiceCase(text, references): value
    for text, value in zip(TEXTS, (70.0, 50.0, 30.0), strict=True)
    for references in ((TEXTS[0],),)
}
EVIDENCE = Evidence(TOKENS, spice=SPICE, meteor=MeteorScore(40.0, [40.0], []))


def aligned(*tasks: int) -> Aligned:
    gold = {
        RowKey("1", task): GoldRow(
            "1", "1.jpg", task, "cup", "tray", None, None, ("on",), TEXTS[:1]
        )
        for task in (1, 2, 3)
    }
    answers: dict[int, str | tuple[str, ...]] = {1: "on", 2: TEXTS[0], 3: TEXTS}
    rows = [PredictionRow("1", task, answers[task]) for task in tasks]
    return align(gold, {row.key: row for row in rows})


def filled(*, captions: bool = False, without: str = "") -> SystemScores:
    scores = SystemScores("preds", aligned(1, 2, 3), numbers=wanted(captions=captions))
    for needs in ("labels", "tokens", "spice", "meteor"):
        if needs != without:
            scores.measure(needs, EVIDENCE)  # type: ignore[arg-type]
    return scores


@pytest.mark.parametrize("reading", ["paper", "coco"])
def test_each_reading_makes_totals_of_its_own_numbers(reading: str) -> None:
    scores = filled()
    scores.finish(reading)
    names = {
        "paper": ("task2.bleu4", "task2.spice", "task3.mbleu4", "task3.spice"),
        "coco": ("task2.bleu4_coco", "task2.spice_coco", "task3.mbleu4_corpus", "task3.spice_coco"),
    }
    bleu, spice, mbleu, spice3 = (float(scores.numbers[name] or 0) for name in names[reading])
    two, three = z2(bleu, spice), z3(mbleu, spice3)
    totals = [scores.numbers[total.key] for total in (*TASK_TOTALS, OVERALL)]
    assert totals == [100, two, three, overall(100, two, three)]


def test_rows_gather_what_each_metric_says_of_them() -> None:
    two, three = filled().items[2][0], filled().items[3][0]
    assert two["id"] == "1"
    assert (two["bleu4"], two["spice"]) == (pytest.approx(100), 70)
    assert three["spice_by_sentence"] == [70, 50, 30]
    assert len(three["mbleu4_by_sentence"]) == 3


def test_lower_orders_of_bleu_belong_to_caption_papers_and_are_left_out_unless_asked_for() -> None:
    without, asked = filled(), filled(captions=True)
    for scores in (without, asked):
        scores.finish("paper")
    assert not any(name.startswith("coco_metrics") for name in without.numbers)
    captions = [name for name in asked.numbers if name.startswith("coco_metrics")]
    assert captions == [number.key for number in NUMBERS if number.captions]
    assert asked.numbers["coco_metrics.bleu4"] == asked.numbers["task2.bleu4_coco"]
    assert asked.numbers["coco_metrics.spice"] == asked.numbers["task2.spice_coco"] == 70
    assert asked.numbers["coco_metrics.meteor"] == 40


def test_every_value_of_a_task_has_sufficient_statistics_of_one_name() -> None:
    scores = filled(captions=True)
    for task, statistics in scores.statistics.items():
        names = [name for part in statistics for name in part.names]
        assert len(set(names)) == len(names)
        values = {number.value for number in scores.wanted if number.task == task}
        # METEOR's are summed by its own jar.
        assert values - set(names) == ({"corpus_meteor"} if task == 2 else set())


def test_what_could_not_run_has_a_reason_and_so_have_its_totals() -> None:
    scores = filled(captions=True, without="spice")
    scores.fail(("spice",), MetricError("no network"))
    scores.finish("paper")
    absent = {name for name in scores.numbers if scores.numbers[name] is None}
    assert absent == {
        *("task2.spice", "task2.spice_coco", "task3.spice", "task3.spice_coco"),
        *("z2", "z3", "overall", "coco_metrics.spice"),
    }
    assert {scores.reasons[name] for name in absent} == {"no network"}


def test_absent_task_is_told_and_not_failed() -> None:
    scores = SystemScores("preds", aligned(1))
    scores.measure("labels", EVIDENCE)
    scores.fail(("tokens", "spice"), MetricError("no network"))
    scores.finish("paper")
    assert scores.reasons["task2.bleu4"] == scores.reasons["z2"] == "no predictions of task 2"
    assert scores.numbers["z1"] == 100
    assert not scores.wants("tokens")
