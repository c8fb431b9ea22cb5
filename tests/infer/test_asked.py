"""``infer`` on a file of detections: which pairs are asked, and the graph that comes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vsdkit.errors import ConfigError
from vsdkit.infer import InferReport
from vsdkit.infer.asked import Asked, read_asked
from vsdkit.manifest import hash_file
from vsdkit.progress import SILENT
from vsdkit.settings.infer import InferSettings

Ask = Callable[..., InferReport]
# Of the photograph 128 pixels high and wide.
OBJECTS = [
    {"bbox_2d": [4, 4, 64, 64], "label": "red box"},
    {"bbox_2d": [64, 64, 124, 124], "label": "blue ball"},
    {"bbox_2d": [0, 100, 20, 120], "label": "blue ball"},
]


@pytest.fixture
def detections(tmp_path: Path) -> Path:
    path = tmp_path / "detections.json"
    path.write_text(json.dumps({"1.png": OBJECTS}), encoding="utf-8")
    return path


def test_detections_are_asked_and_drawn_and_more_pairs_keep_the_answers(
    ask: Ask, detections: Path, tmp_path: Path
) -> None:
    graph = tmp_path / "graph.json"
    one = {"items": detections, "tasks": (1,), "label": "likelihood", "graph": graph}
    assert ask(**one, pairs="2").answered_now == 2
    (first,) = json.loads(graph.read_text())
    assert [node["id"] for node in first["nodes"]] == ["red box", "blue ball", "blue ball#2"]
    assert len(first["edges"]) == 2
    assert ask(**one).answered_now == 4
    rows = [json.loads(line) for line in (tmp_path / "preds.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows][:2] == [
        "1.png:red box:blue ball",
        "1.png:red box:blue ball#2",
    ]
    (whole,) = json.loads(graph.read_text())
    said = {row["id"]: (row["prediction"], row["probabilities"]) for row in rows}
    for edge in whole["edges"]:
        relation, probabilities = said[f"1.png:{edge['source']}:{edge['target']}"]
        assert (edge["relation"], edge["probability"]) == (relation, probabilities[relation])
    facts = json.loads((tmp_path / "preds.jsonl.run.json").read_text())
    assert facts["inputs"] == {str(detections): hash_file(detections)}


def _read(detections: Path, images: Path, **more: Any) -> Asked:
    settings = InferSettings(items=detections, images=(images,), base="tiny", **more)
    return read_asked(settings, SILENT)


def test_several_files_are_told_apart_by_names_and_content(tmp_path: Path, scenes: Any) -> None:
    folder = tmp_path / "replies"
    folder.mkdir()
    objects = json.dumps([OBJECTS[0] | {"bbox_2d": [4, 4, 30, 30]}, {**OBJECTS[0], "label": "a"}])
    for name in ("0", "1"):
        (folder / f"{name}.json").write_text(objects, encoding="utf-8")
    before = _read(folder, scenes.images).digest()
    assert _read(folder, scenes.images).digest() == before
    (folder / "0.json").write_text(f"{objects}\n", encoding="utf-8")
    changed = _read(folder, scenes.images).digest()
    (folder / "0.json").rename(folder / "4.json")
    assert len({before, changed, _read(folder, scenes.images).digest()}) == 3


def test_settings_of_detections_have_no_meaning_beside_items(scenes: Any) -> None:
    with pytest.raises(ConfigError, match="--pairs chooses among detected objects"):
        _read(scenes.items, scenes.images, pairs="near")
    with pytest.raises(ConfigError, match="--box-units is for JSON lists"):
        _read(scenes.items, scenes.images, box_units="pixels")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pairs": "some"}, "expected all, near, or a whole number from 1 on"),
        ({"pairs": 0}, "expected all, near, or a whole number from 1 on"),
        ({"least": 0.5}, "--least is about the graph"),
        ({"graph": "g.png"}, r"--graph g.png must end in .dot, .gv, .json"),
        ({"graph": "g.dot", "tasks": (2,)}, "task 1 asks for"),
        ({"graph": "g.dot", "least": 0.5}, "--least needs probabilities"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        InferSettings(**settings)


def test_a_number_of_pairs_may_stand_in_a_file_of_settings() -> None:
    assert InferSettings(pairs=3).pairs == "3"


def test_the_graph_may_not_replace_what_is_read_or_written(
    ask: Ask, detections: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="--graph and items are the same file"):
        ask(items=detections, graph=detections)
    both = tmp_path / "both.json"
    with pytest.raises(ConfigError, match="--graph and output are the same file"):
        ask(items=detections, graph=both, output=both)
