"""The model as one file, and what it says."""

import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace

import pytest
import sklearn
from skops import io as skops_io

from vsdkit.boxes.features import pair_of
from vsdkit.boxes.model import LEAST_PAIRS, BoxesModel, FitRows
from vsdkit.errors import DataError, MissingInputError


def test_a_model_says_the_same_when_it_is_read_again(model, held_out, tmp_path):
    path = tmp_path / "boxes.skops"
    model.write(path, {"pairs": 270})
    pairs = [pair_of(row) for row in held_out]
    assert BoxesModel.read(path).describe(pairs) == model.describe(pairs)
    assert [file.name for file in tmp_path.iterdir()] == ["boxes.skops"]


def test_the_file_is_no_pickle_and_says_what_it_was_fitted_on(model, tmp_path):
    path = tmp_path / "boxes.skops"
    model.write(path, {"gold": "gold_train.jsonl"})
    assert zipfile.is_zipfile(path)
    assert not [name for name in zipfile.ZipFile(path).namelist() if "pkl" in name]
    plain = json.loads(zipfile.ZipFile(path).read("vsdkit.json"))
    assert plain["facts"] == {"gold": "gold_train.jsonl"}


def test_what_is_said_of_a_pair_fits_together(model, held_out):
    for said in model.describe([pair_of(row) for row in held_out[:30]]):
        assert max(said.probabilities, key=said.probabilities.__getitem__) == said.relation
        assert said.relation in said.sentence
        assert len(set(said.sentences)) == 3
        assert said.because


def test_a_file_of_other_types_is_not_loaded(model, tmp_path):
    path = tmp_path / "boxes.skops"
    model.write(path, {})
    plain = zipfile.ZipFile(path).read("vsdkit.json")
    path.write_bytes(skops_io.dumps({"words": io.StringIO}))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("vsdkit.json", plain)
    with pytest.raises(
        DataError, match=r"holds types that no model of boxes is made of: .*StringIO"
    ):
        BoxesModel.read(path)


def test_a_file_of_another_scikit_learn_is_refused(model, tmp_path, monkeypatch):
    path = tmp_path / "boxes.skops"
    model.write(path, {})
    monkeypatch.setattr(sklearn, "__version__", "0.1.2")
    with pytest.raises(DataError, match=r"with 0\.1\.2"):
        BoxesModel.read(path)


@pytest.mark.parametrize("content", [b"", b"{}", b"PK\x03\x04 and no more"])
def test_a_file_that_is_no_model_is_an_error(content, tmp_path):
    path = tmp_path / "boxes.skops"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a model of vsdkit fit-boxes"):
        BoxesModel.read(path)


def test_a_file_of_skops_that_holds_something_else_is_an_error(tmp_path):
    path = tmp_path / "boxes.skops"
    path.write_bytes(skops_io.dumps({"other": 1}))
    with pytest.raises(DataError, match="not a model of vsdkit fit-boxes"):
        BoxesModel.read(path)


def test_a_missing_file_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(MissingInputError, match=r"vsdkit fit-boxes gold_train\.jsonl"):
        BoxesModel.read(tmp_path / "boxes.skops")


def test_items_without_a_box_or_a_relation_are_left_out(fit_rows):
    unknown = [replace(row, relations=()) if row.id == "0" else row for row in fit_rows]
    unknown = [replace(row, subject_box=None) if row.id == "1" else row for row in unknown]
    rows = FitRows.of(unknown, where="gold.jsonl")
    assert (len(rows.pairs), rows.left_out) == (268, 2)


def test_too_few_items_are_an_error(fit_rows):
    few = fit_rows[: 3 * (LEAST_PAIRS - 1)]
    with pytest.raises(DataError, match=f"49 items .*; {LEAST_PAIRS} is the least"):
        FitRows.of(few, where="gold.jsonl")


def test_items_of_one_relation_are_an_error(fit_rows):
    same = [replace(row, relations=("on",)) for row in fit_rows]
    with pytest.raises(DataError, match="all items have the relation 'on'"):
        FitRows.of(same, where="gold.jsonl")


def test_fitting_and_the_file_load_no_torch(model, tmp_path):
    path = tmp_path / "boxes.skops"
    model.write(path, {})
    code = (
        "import sys; from pathlib import Path; from vsdkit.boxes.model import BoxesModel; "
        f"BoxesModel.read(Path({str(path)!r})); "
        "sys.exit(' '.join({'torch', 'transformers', 'PIL'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == ""
    assert done.returncode == 0
