"""``vsdkit fit-boxes``."""

import json

import pytest

from vsdkit.boxes import fit_boxes
from vsdkit.boxes.model import BoxesModel
from vsdkit.errors import ConfigError, DataError
from vsdkit.manifest import hash_file


@pytest.fixture(scope="module")
def fitted(gold_file, tmp_path_factory):
    output = tmp_path_factory.mktemp("fit") / "boxes.skops"
    return output, fit_boxes(gold=gold_file, output=output)


def test_it_writes_a_model_and_what_it_was_fitted_on(fitted, gold_file):
    output, report = fitted
    manifest = json.loads(output.with_name("boxes.skops.run.json").read_text())
    assert manifest["inputs"] == {str(gold_file): hash_file(gold_file)}
    assert manifest["versions"]["scikit-learn"]
    assert report.pairs == sum(report.labels.values()) == 270
    assert report.held_out_pairs == 54
    assert report.held_out_accuracy > 50
    assert len(BoxesModel.read(output).images) == 270


def test_the_report_says_how_to_use_the_model(fitted):
    output, report = fitted
    assert report.notes()[-1] == (
        f"use it: vsdkit infer items.jsonl --engine boxes --boxes-model {output}"
    )
    assert set(report.to_dict()) >= {"pairs", "left_out", "labels", "temperature", "seconds"}


def test_the_same_rows_and_seed_give_the_same_answers(model, gold_file, held_out, tmp_path):
    from vsdkit.boxes.features import pair_of

    fit_boxes(gold=gold_file, output=tmp_path / "again.skops")
    pairs = [pair_of(row) for row in held_out]
    assert BoxesModel.read(tmp_path / "again.skops").describe(pairs) == model.describe(pairs)


def test_the_gold_rows_are_not_written_over(gold_file):
    with pytest.raises(ConfigError, match="--output and gold are the same file"):
        fit_boxes(gold=gold_file, output=gold_file)


def test_a_wrong_row_names_its_line(tmp_path):
    gold = tmp_path / "gold.jsonl"
    gold.write_text('{"id": "1"}\n')
    with pytest.raises(DataError, match=r"gold\.jsonl:1"):
        fit_boxes(gold=gold, output=tmp_path / "boxes.skops")
