"""``vsdkit infer --engine boxes+vlm``: the mean of two models' probabilities."""

import json

import pytest
from PIL import Image
from pydantic import ValidationError

from vsdkit.boxes import fit_boxes
from vsdkit.data.jsonl import write_rows
from vsdkit.data.relations import RELATIONS
from vsdkit.errors import ConfigError, DataError
from vsdkit.infer import infer
from vsdkit.infer.local import LocalEngine
from vsdkit.infer.mixture import choose_weight
from vsdkit.settings.infer import InferSettings


@pytest.fixture(scope="module")
def folder(tmp_path_factory, scene_rows):
    folder = tmp_path_factory.mktemp("mixture")
    write_rows(folder / "gold_train.jsonl", scene_rows(180, seed=1, tasks=(1, 2)))
    write_rows(folder / "gold.jsonl", scene_rows(6, seed=2, tasks=(1, 2)))
    write_rows(folder / "gold_val.jsonl", scene_rows(6, seed=3, tasks=(1, 2)))
    fit_boxes(gold=folder / "gold_train.jsonl", output=folder / "boxes.skops")
    (folder / "images").mkdir()
    for seed in (2, 3):
        for number in range(6):
            shade = 20 * number + seed
            Image.new("RGB", (64, 64), (shade, 90, 200)).save(
                folder / "images" / f"{seed}-{number}.jpg"
            )
    return folder


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def mix(ask, folder, tmp_path):
    """Run the engine; settings go over the tiny base and a weight of a half."""

    def run(name="preds.jsonl", **settings):
        given = {
            "items": folder / "gold.jsonl",
            "images": (folder / "images",),
            "engine": "boxes+vlm",
            "boxes_model": folder / "boxes.skops",
            "output": tmp_path / name,
        }
        if "weight_on" not in settings:
            given["boxes_weight"] = 0.5
        report = ask(**given | settings)
        return report, read(tmp_path / name)

    return run


def vlm_alone(ask, folder, tmp_path):
    ask(
        items=folder / "gold.jsonl",
        images=(folder / "images",),
        label="likelihood",
        output=tmp_path / "vlm.jsonl",
    )
    return read(tmp_path / "vlm.jsonl")


def boxes_alone(folder, tmp_path):
    output = tmp_path / "boxes.jsonl"
    infer(
        items=folder / "gold.jsonl",
        engine="boxes",
        boxes_model=folder / "boxes.skops",
        output=output,
    )
    return read(output)


def of_task(answers, task):
    return [row for row in answers if row["task"] == task]


def test_no_weight_is_the_local_model_and_all_is_the_boxes(mix, ask, folder, tmp_path):
    vlm, boxes = vlm_alone(ask, folder, tmp_path), boxes_alone(folder, tmp_path)
    _, none = mix("none.jsonl", boxes_weight=0)
    _, full = mix("full.jsonl", boxes_weight=1)
    for found, one in ((none, vlm), (full, boxes)):
        for own, other in zip(of_task(found, 1), of_task(one, 1), strict=True):
            assert own["prediction"] == other["prediction"]
            assert own["probabilities"] == pytest.approx(other["probabilities"], abs=2e-5)
    assert [row["prediction"] for row in of_task(vlm, 1)] != [
        row["prediction"] for row in of_task(boxes, 1)
    ]


def test_between_is_the_mean_and_sentences_are_the_local_models(mix, ask, folder, tmp_path):
    vlm, boxes = vlm_alone(ask, folder, tmp_path), boxes_alone(folder, tmp_path)
    report, mixed = mix(boxes_weight=0.25)
    for own, one, two in zip(*(of_task(found, 1) for found in (mixed, boxes, vlm)), strict=True):
        for label in RELATIONS:
            mean = 0.25 * one["probabilities"][label] + 0.75 * two["probabilities"][label]
            assert own["probabilities"][label] == pytest.approx(mean, abs=2e-5)
        best = max(own["probabilities"], key=own["probabilities"].get)
        assert own["prediction"] == own["raw"] == best
        assert own["because"]
    assert of_task(mixed, 2) == of_task(vlm, 2)
    assert report.to_dict()["weight"]["boxes_weight"] == 0.25
    assert report.notes()[1] == "boxes have the weight 0.25 in task 1"


def test_the_weight_is_chosen_on_held_out_rows_and_told(mix, folder, tmp_path):
    report, mixed = mix(weight_on=folder / "gold_val.jsonl")
    weight = report.weight
    run = json.loads((tmp_path / "preds.jsonl.run.json").read_text())
    assert (weight.pairs, weight.weight_on) == (6, str(folder / "gold_val.jsonl"))
    # An untrained model of images knows nothing, the boxes of synthetic scenes nearly all.
    assert weight.boxes_weight > 0.5
    assert weight.boxes_accuracy > weight.vlm_accuracy
    assert run["made_with"]["boxes_weight"] == weight.boxes_weight
    assert run["made_with"]["weight_on"] is not None
    assert run["report"]["weight"] == report.to_dict()["weight"]
    assert "chosen on 6 pairs" in report.notes()[1]
    own, given = mixed, mix("given.jsonl", boxes_weight=weight.boxes_weight)[1]
    assert own == given


def test_again_no_model_is_loaded(mix, folder, monkeypatch):
    _, before = mix(weight_on=folder / "gold_val.jsonl")
    monkeypatch.setattr(LocalEngine, "answer", None)
    report, after = mix(weight_on=folder / "gold_val.jsonl")
    assert report.answered_now == 0
    assert after == before


def test_what_was_answered_before_a_stop_is_not_asked_again(mix, monkeypatch):
    class StopError(Exception): ...

    answer = LocalEngine.answer

    def stop_after_a_batch(self, work, put_down):
        def put_down_and_stop(answers, *, tokens=0):
            put_down(answers, tokens=tokens)
            raise StopError

        answer(self, work, put_down_and_stop)

    whole = mix("whole.jsonl", batch_size=2)[1]
    monkeypatch.setattr(LocalEngine, "answer", stop_after_a_batch)
    with pytest.raises(StopError):
        mix(batch_size=2)
    monkeypatch.setattr(LocalEngine, "answer", answer)
    report, answers = mix(batch_size=2)
    assert report.answered_now == 8
    assert answers == whole


@pytest.mark.slow
def test_several_processes_answer_the_same(mix, monkeypatch):
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    settings = {"tasks": (1,), "batch_size": 2}
    one = mix("one.jsonl", **settings)[1]
    several = mix("several.jsonl", gpus=2, **settings)[1]
    assert several == one


def test_answers_of_another_weight_or_model_are_not_mixed(mix, folder, tmp_path):
    mix(tasks=(1,))
    with pytest.raises(ConfigError, match=r"boxes_weight was '0\.5', is '0\.6'"):
        mix(tasks=(1,), boxes_weight=0.6)
    fit_boxes(gold=folder / "gold_train.jsonl", output=tmp_path / "other.skops", seed=1)
    with pytest.raises(ConfigError, match="boxes_model was"):
        mix(tasks=(1,), boxes_model=tmp_path / "other.skops")
    write_rows(tmp_path / "fewer.jsonl", read(folder / "gold_val.jsonl")[:6])
    with pytest.raises(ConfigError, match="weight_on was"):
        mix(tasks=(1,), weight_on=tmp_path / "fewer.jsonl")


def test_a_row_without_a_box_gets_an_error_in_task_1_alone(mix, folder, tmp_path):
    whole = read(folder / "gold.jsonl")[:4]
    for row in whole[2:]:
        row["object_box"] = None
    write_rows(tmp_path / "items.jsonl", whole)
    report, answers = mix(items=tmp_path / "items.jsonl")
    assert report.errors == {"1": 1, "2": 0}
    assert [row.get("error") for row in answers] == [
        None,
        None,
        "no object_box, and boxes are all that this engine sees; give both boxes as "
        "[ymin, ymax, xmin, xmax]",
        None,
    ]


def test_rows_that_a_model_was_fitted_on_choose_no_weight(mix, folder, tmp_path, write_run):
    with pytest.raises(DataError, match="the model of boxes was fitted on 180 of the 180"):
        mix(weight_on=folder / "gold_train.jsonl")
    adapter = write_run()
    (adapter / "training_images.txt").write_text("3-0.jpg\n3-1.jpg\n")
    with pytest.raises(DataError, match="the adapter was fitted on 2 of the 6"):
        mix(adapter=adapter, weight_on=folder / "gold_val.jsonl")


def test_rows_without_boxes_or_relations_choose_no_weight(mix, folder, tmp_path):
    first, second = read(folder / "gold_val.jsonl")[:4:2]
    first["subject_box"] = None
    second["relations"] = []
    write_rows(tmp_path / "bare.jsonl", [first, second])
    with pytest.raises(DataError, match="no row of task 1 has a relation and both boxes"):
        mix(weight_on=tmp_path / "bare.jsonl")


def test_images_that_a_model_or_the_weight_knows_are_told(mix, folder, tmp_path):
    assert mix(tasks=(1,))[0].seen_in_training == {"seen": 0, "pictures": 6}
    report, _ = mix(
        "val.jsonl",
        tasks=(1,),
        items=folder / "gold_val.jsonl",
        weight_on=folder / "gold_val.jsonl",
        limit=2,
    )
    assert report.seen_in_training == {"seen": 2, "pictures": 2}


def test_nothing_that_is_read_is_written_over(mix, folder):
    with pytest.raises(ConfigError, match="gold_val"):
        mix(weight_on=folder / "gold_val.jsonl", output=folder / "gold_val.jsonl")


GOLD = [{"on"}] * 10


@pytest.mark.parametrize(
    ("boxes", "vlm", "weight"),
    [
        # Always surer of what is right.
        ([0.9] * 10, [0.4] * 10, 1),
        ([0.4] * 10, [0.9] * 10, 0),
        # One knows half of the items and the other the other half.
        ([0.8] * 5 + [0.2] * 5, [0.2] * 5 + [0.8] * 5, 0.5),
        # d/dw of 7 log(.2 + .6 w) + 3 log(.8 - .6 w) is 0 at w = 5/6.
        ([0.8] * 7 + [0.2] * 3, [0.2] * 7 + [0.8] * 3, 0.83),
        # What is sure and wrong once is not left alone.
        ([1.0] * 9 + [0.0], [0.5] * 10, 0.8),
    ],
)
def test_the_weight_is_the_likeliest(boxes, vlm, weight):
    sides = [[{"on": value} for value in side] for side in (boxes, vlm)]
    assert choose_weight(*sides, GOLD) == weight


def test_any_of_several_gold_labels_is_right_and_missing_ones_count_as_0():
    assert choose_weight([{"on": 0.3, "in": 0.6}], [{"on": 0.8}], [("on", "in")]) == 1
    assert choose_weight([{}], [{"on": 0.8}], [("on",)]) == 0


MIXED = {"engine": "boxes+vlm", "fit": "a.jsonl"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"engine": "boxes+vlm", "boxes_weight": 0.5}, "boxes.vlm needs a fitted model"),
        (MIXED | {"boxes_model": "b", "boxes_weight": 0.5}, "needs a fitted model"),
        (MIXED, "needs the weight of boxes"),
        (MIXED | {"boxes_weight": 0.5, "weight_on": "c.jsonl"}, "one of the two"),
        (MIXED | {"boxes_weight": 1.5}, "less than or equal to 1"),
        (MIXED | {"boxes_weight": 0.5, "label": "generate"}, "--label likelihood, or leave it"),
        (MIXED | {"boxes_weight": 0.5, "model": "m"}, "add --engine openai"),
        ({"boxes_weight": 0.5}, "add --engine boxes.vlm"),
        ({"engine": "boxes", "fit": "a", "weight_on": "b"}, "add --engine boxes.vlm"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, said):
    with pytest.raises(ValidationError, match=said):
        InferSettings(**settings)


def test_the_labels_are_weighed_without_being_asked_to():
    assert InferSettings(**MIXED, boxes_weight=0.5).label == "likelihood"
