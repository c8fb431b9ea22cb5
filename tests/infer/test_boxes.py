"""``vsdkit infer --engine boxes``: items with boxes, no images, no GPU."""

import json
import subprocess
import sys

import pytest
from pydantic import ValidationError

from vsdkit.boxes import fit_boxes
from vsdkit.data.jsonl import write_rows
from vsdkit.errors import ConfigError
from vsdkit.infer import infer
from vsdkit.settings.infer import InferSettings


@pytest.fixture(scope="module")
def folder(tmp_path_factory, scene_rows):
    folder = tmp_path_factory.mktemp("boxes")
    write_rows(folder / "gold_train.jsonl", scene_rows(180, seed=1))
    write_rows(folder / "gold.jsonl", scene_rows(27, seed=2))
    fit_boxes(gold=folder / "gold_train.jsonl", output=folder / "boxes.skops")
    return folder


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def ask(folder, output, **settings):
    report = infer(
        items=folder / "gold.jsonl",
        engine="boxes",
        output=output,
        **({"boxes_model": folder / "boxes.skops"} | settings),
    )
    return report, read(output)


def test_every_row_is_answered_without_an_image(folder, tmp_path):
    report, answers = ask(folder, tmp_path / "preds.jsonl")
    assert report.rows == {"1": 27, "2": 27, "3": 27}
    assert sum(report.unparsed.values()) == sum(report.errors.values()) == 0
    assert (report.pictures, report.adapter) == (27, None)
    one, two, three = answers[:3]
    assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert max(one["probabilities"], key=one["probabilities"].get) == one["prediction"]
    assert one["because"]
    assert isinstance(two["prediction"], str)
    assert len(three["prediction"]) == 3


def test_fitting_at_once_answers_as_the_file_does(folder, tmp_path):
    _, of_file = ask(folder, tmp_path / "one.jsonl")
    _, at_once = ask(
        folder, tmp_path / "two.jsonl", boxes_model=None, fit=folder / "gold_train.jsonl"
    )
    assert at_once == of_file


def test_again_nothing_is_asked_and_nothing_changes(folder, tmp_path):
    output = tmp_path / "preds.jsonl"
    _, before = ask(folder, output)
    report, after = ask(folder, output)
    assert report.answered_now == 0
    assert after == before


def test_answers_of_another_model_are_not_mixed(folder, tmp_path):
    output = tmp_path / "preds.jsonl"
    ask(folder, output)
    fit_boxes(gold=folder / "gold_train.jsonl", output=tmp_path / "other.skops", seed=1)
    with pytest.raises(ConfigError, match="boxes_model"):
        ask(folder, output, boxes_model=tmp_path / "other.skops")


def test_what_was_fitted_on_is_told(folder, tmp_path):
    report, _ = ask(folder, tmp_path / "preds.jsonl")
    assert report.seen_in_training == {"seen": 0, "pictures": 27}
    report = infer(
        items=folder / "gold_train.jsonl",
        engine="boxes",
        boxes_model=folder / "boxes.skops",
        output=tmp_path / "train.jsonl",
        limit=9,
    )
    assert report.seen_in_training == {"seen": 9, "pictures": 9}


def test_a_row_without_a_box_gets_an_error_and_the_others_answers(folder, tmp_path):
    items = tmp_path / "items.jsonl"
    whole, *_ = read(folder / "gold.jsonl")
    bare = {"image": "mine.jpg", "subject": "cup", "object": "table"}
    items.write_text("".join(json.dumps(row) + "\n" for row in (whole, bare)))
    report = infer(
        items=items,
        engine="boxes",
        boxes_model=folder / "boxes.skops",
        output=tmp_path / "preds.jsonl",
        tasks=(1,),
    )
    assert report.errors == {"1": 1}
    good, bad = read(tmp_path / "preds.jsonl")
    assert good["prediction"]
    assert bad["error"] == (
        "no subject_box, and boxes are all that this engine sees; give both boxes as "
        "[ymin, ymax, xmin, xmax]"
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"engine": "boxes"}, "needs a fitted model"),
        ({"engine": "boxes", "fit": "a.jsonl", "boxes_model": "b.skops"}, "one of the two"),
        ({"fit": "a.jsonl"}, "add --engine boxes"),
        ({"boxes_model": "b.skops"}, "add --engine boxes"),
        ({"engine": "boxes", "fit": "a.jsonl", "adapter": "runs/a"}, "--adapter has no meaning"),
        ({"engine": "boxes", "fit": "a.jsonl", "gpus": 2}, "--gpus has no meaning"),
        ({"engine": "boxes", "fit": "a.jsonl", "skip_broken": True}, "--skip-broken has no"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, said):
    with pytest.raises(ValidationError, match=said):
        InferSettings(**settings)


def test_neither_torch_nor_pillow_is_loaded(folder, tmp_path):
    arguments = {
        "items": str(folder / "gold.jsonl"),
        "engine": "boxes",
        "boxes_model": str(folder / "boxes.skops"),
        "output": str(tmp_path / "preds.jsonl"),
    }
    code = (
        "import sys; from vsdkit.infer import infer; "
        f"infer(**{arguments!r}); "
        "print(sorted({'torch', 'transformers', 'peft', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
