from __future__ import annotations

import pytest

from vsdkit.data.records import GoldRow, PredictionRow, RowKey
from vsdkit.errors import MetricError
from vsdkit.metrics import RowStatistics, overall, z2, z3
from vsdkit.score.align import Aligned, align
from vsdkit.score.measure import Measured
from vsdkit.score.sheet import BLEU_NUMBERS, CAPTION_NUMBERS, SPICE_NUMBERS, TOTALS, Sheet


def aligned(*tasks: int) -> Aligned:
    gold = {
        RowKey("1", task): GoldRow("1", "1.jpg", task, "cup", "tray", None, None, ("on",), ("a",))
        for task in (1, 2, 3)
    }
    answers = {1: "on", 2: "a", 3: ("a", "b", "c")}
    rows = [PredictionRow("1", task, answers[task]) for task in tasks]  # type: ignore[arg-type]
    return align(gold, {row.key: row for row in rows})


def filled(*, captions: bool = False) -> Sheet:
    sheet = Sheet("preds", aligned(1, 2, 3), captions=captions)
    f1 = ("f1_micro", "f1_macro", "f1_weighted", "f1_samples", "accuracy")
    sheet.enter(1, Measured(dict.fromkeys(f1, 80.0) | {"unparsed": 0}, [{"correct": True}]))
    orders = {f"bleu{order}_coco": 60.0 - order for order in (1, 2, 3, 4)}
    sheet.enter(2, Measured({"bleu4": 40.0, **orders}, [{"bleu4": 40.0}]))
    sheet.enter(2, Measured({"spice": 70.0, "spice_coco": 50.0}, [{"spice": 70.0}]))
    sheet.enter(3, Measured({"mbleu4": 1.0, "mbleu4_corpus": 9.0}, [{}]))
    sheet.enter(3, Measured({"spice": 45.0, "spice_coco": 44.0}, [{}]))
    return sheet


@pytest.mark.parametrize(
    ("reading", "two", "three"),
    [("paper", z2(40, 70), z3(1, 45)), ("coco", z2(56, 50), z3(9, 44))],
)
def test_each_reading_makes_totals_of_its_own_numbers(
    reading: str, two: float, three: float
) -> None:
    sheet = filled()
    sheet.finish(reading)
    names = ("z1", "z2", "z3", "overall")
    assert [sheet.numbers[name] for name in names] == [80, two, three, overall(80, two, three)]
    assert [total.name for total in TOTALS[reading]] == list(names)


def test_rows_gather_what_each_metric_says_of_them() -> None:
    assert filled().items[2][0] | {"id": "1", "bleu4": 40.0, "spice": 70.0} == filled().items[2][0]


def test_lower_orders_of_bleu_belong_to_caption_papers_and_are_left_out_unless_asked_for() -> None:
    without, asked = filled(), filled(captions=True)
    for sheet in (without, asked):
        sheet.finish("paper")
    assert not any(name.startswith("coco_metrics") for name in without.numbers)
    captions = [name for name in asked.numbers if name.startswith("coco_metrics")]
    assert captions == list(CAPTION_NUMBERS)
    assert asked.numbers["coco_metrics.bleu1"] == 59
    assert asked.numbers["coco_metrics.bleu4"] == asked.numbers["task2.bleu4_coco"] == 56
    assert asked.numbers["coco_metrics.spice"] == 50
    assert asked.numbers["coco_metrics.meteor"] is None


def test_sums_take_the_places_of_their_numbers() -> None:
    sheet = Sheet("preds", aligned(2))
    sums = (RowStatistics("mean", ("bleu4", "bleu1_coco"), [(1, 2)]),)
    sheet.enter(2, Measured({}, [{}], sums))
    assert sheet.sums[2][0].names == ("task2.bleu4", "coco_metrics.bleu1")


def test_what_could_not_run_has_a_reason_and_so_have_its_totals() -> None:
    sheet = filled(captions=True)
    sheet.fail(SPICE_NUMBERS, MetricError("no network"))
    sheet.finish("paper")
    absent = {name for name in sheet.numbers if sheet.numbers[name] is None}
    assert absent - {f"coco_metrics.{name}" for name in ("meteor", "rouge_l", "cider")} == {
        *SPICE_NUMBERS,
        *("z2", "z3", "overall", "coco_metrics.spice"),
    }
    assert {sheet.reasons[name] for name in ("overall", "coco_metrics.spice")} == {"no network"}


def test_absent_task_is_told_and_not_failed() -> None:
    sheet = Sheet("preds", aligned(1))
    sheet.enter(1, Measured({"f1_micro": 100.0, "unparsed": 0}, [{}]))
    sheet.fail((*BLEU_NUMBERS, *SPICE_NUMBERS), MetricError("no network"))
    sheet.finish("paper")
    assert sheet.reasons["task2.bleu4"] == sheet.reasons["z2"] == "no predictions of task 2"
    assert (sheet.numbers["z1"], sheet.numbers["task2.n"]) == (100, 0)
