"""The tasks for other evaluation tools: what they are asked, called as those tools call them."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from PIL import Image

from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import GoldRow
from vsdkit.errors import ConfigError

INTEGRATIONS = Path(__file__).parents[1] / "integrations"
LMMS_EVAL = INTEGRATIONS / "lmms_eval" / "vsd"
SENTENCES = "a cup on a tray\nthe tray is under the cup\nthere is a cup"
ANSWERS = {1: "On.", 2: "a cup on a tray", 3: SENTENCES}


def load_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Write an image and three gold rows, name them as the tools expect it, return the rows."""
    (tmp_path / "images").mkdir()
    Image.new("RGB", (40, 30), "white").save(tmp_path / "images" / "7.jpg")
    gold = [
        GoldRow("7", "7.jpg", task, "cup", "tray", None, None, ("on",), references).to_dict()
        for task, references in ((1, ()), (2, ("a cup on a tray",)), (3, ("a cup on a tray",)))
    ]
    write_rows(tmp_path / "gold.jsonl", gold)
    monkeypatch.setenv("VSD_IMAGES", str(tmp_path / "images"))
    monkeypatch.setenv("VSD_GOLD", str(tmp_path / "gold.jsonl"))
    return gold


def task_of_lmms_eval(utils: ModuleType) -> dict[str, Any]:
    """Return vsd.yaml with its functions in place, as lmms-eval reads it."""

    class Loader(yaml.SafeLoader):
        pass

    def function(_: Loader, node: yaml.ScalarNode) -> Callable[..., Any]:
        module, name = str(node.value).split(".")
        assert module == "utils"
        found: Callable[..., Any] = getattr(utils, name)
        return found

    Loader.add_constructor("!function", function)  # type: ignore[type-var]
    document: dict[str, Any] = yaml.load((LMMS_EVAL / "vsd.yaml").read_text(), Loader)
    return document


@pytest.mark.java
def test_lmms_eval_gets_image_question_and_numbers(
    rows: list[dict[str, Any]], kept_spice_cache: Path
) -> None:
    task = task_of_lmms_eval(load_file(LMMS_EVAL / "utils.py"))
    (image,) = task["doc_to_visual"](rows[0])
    assert (image.mode, image.size) == ("RGB", (40, 30))
    assert "cup" in task["doc_to_text"](rows[0])
    assert [task["doc_to_target"](row) for row in rows[:2]] == ["on", "a cup on a tray"]
    results = [task["process_results"](row, [ANSWERS[row["task"]]]) for row in rows]
    numbers = {}
    for metric in task["metric_list"]:
        name = metric["metric"]
        numbers[name] = metric["aggregation"]([result[name] for result in results])
    assert set(numbers) == set(results[0])
    assert numbers["vsd_f1"] == numbers["vsd_task2_spice"] == 100
    assert 0 < numbers["vsd_task3_spice"] < 100
    assert not math.isnan(numbers["vsd_overall"])
    lower = [one["metric"] for one in task["metric_list"] if not one["higher_is_better"]]
    assert lower == ["vsd_task3_mbleu4"]
    # With one row of task 1 (--limit 1) there is no overall, and that is not 0.
    alone = [task["process_results"](rows[0], ["on"])["vsd_overall"]]
    assert math.isnan(task["metric_list"][0]["aggregation"](alone))


def test_lmms_eval_is_told_that_no_folder_of_images_is_named(
    rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VSD_IMAGES")
    with pytest.raises(ConfigError, match="no folder of images is named"):
        load_file(LMMS_EVAL / "utils.py").doc_to_visual(rows[0])


@pytest.mark.java
def test_vlmevalkit_gets_lines_and_numbers(
    rows: list[dict[str, Any]],
    tmp_path: Path,
    kept_spice_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # VLMEvalKit is not on PyPI: this stands for what the class uses of it.
    pandas = pytest.importorskip("pandas")
    base, smp = ModuleType("vlmeval.dataset.image_base"), ModuleType("vlmeval.smp")

    class ImageBaseDataset:
        def __init__(self, dataset: str) -> None:
            self.data = self.load_data(dataset)  # type: ignore[attr-defined]

    base.ImageBaseDataset = ImageBaseDataset  # type: ignore[attr-defined]
    smp.load = pandas.read_csv  # type: ignore[attr-defined]
    for name, module in (("vlmeval.dataset.image_base", base), ("vlmeval.smp", smp)):
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("vlmeval", "vlmeval.dataset"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    dataset = load_file(INTEGRATIONS / "vlmevalkit" / "vsd.py").VSDDataset(dataset="VSD")
    lines = dataset.data
    assert list(lines["index"]) == [0, 1, 2]
    assert all(os.path.isabs(path) for path in lines["image_path"])
    assert [json.loads(text) for text in lines["row"]] == rows
    lines["prediction"] = [ANSWERS[1], ANSWERS[2], ""]
    lines.to_csv(tmp_path / "predictions.csv")
    numbers = dataset.evaluate(str(tmp_path / "predictions.csv"))
    assert numbers["task1.f1_micro"] == numbers["task2.spice"] == 100
    assert numbers["task3.spice"] == 0
