"""The whole page of predictions, from files to index.html."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vsdkit.data.jsonl import write_rows
from vsdkit.errors import ConfigError, DataError, MissingInputError
from vsdkit.report import report
from vsdkit.report.predictions import write

BOX = [1, 5, 2, 6]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    """Write items whose labels are asked alone, which takes no Java, and their pictures."""
    images = tmp_path / "images"
    images.mkdir()
    gold, preds = [], []
    for number in range(3):
        Image.new("RGB", (40, 30), (number * 80, 0, 0)).save(images / f"{number}.png")
        gold.append(
            {"id": str(number), "image": f"{number}.png", "task": 1, "relations": ["on"]}
            | {"subject": "cup", "object": "desk", "subject_box": BOX, "object_box": BOX}
        )
        preds.append({"id": str(number), "task": 1, "prediction": "on" if number else "in"})
    write_rows(tmp_path / "gold.jsonl", gold)
    write_rows(tmp_path / "preds.jsonl", preds)
    return {
        "inputs": [tmp_path / "preds.jsonl"],
        "gold": [tmp_path / "gold.jsonl"],
        "images": [images],
        "output": tmp_path / "report",
        "bootstrap": 0,
    }


def test_a_page_is_written_with_its_pictures_and_its_manifest(files: dict[str, Any]) -> None:
    written = report(**files)
    assert written.page == files["output"] / "index.html"
    assert written.to_dict().keys() == {
        *("page", "kind", "entries", "systems", "thumbnails", "bytes"),
    }
    assert written.counts == {"entries": 3, "systems": 1, "thumbnails": 3}
    assert {"summary", "entries", "details", "thumbs", "assets"} < written.sizes.keys()
    made = json.loads((files["output"] / "run.json").read_text())
    assert made["command"] == "report"
    assert [Path(name).name for name in made["inputs"]] == ["preds.jsonl", "gold.jsonl"]
    assert made["scores"]["z1"] == pytest.approx(200 / 3)
    assert written.notes()[-1].startswith("open it in a browser: file:///")


def test_the_same_report_again_is_the_same_page(files: dict[str, Any]) -> None:
    def content() -> dict[str, bytes]:
        paths = [path for path in files["output"].rglob("*") if path.is_file()]
        return {str(path): path.read_bytes() for path in paths if path.name != "run.json"}

    report(**files)
    before = content()
    report(**files)
    assert content() == before
    del files["images"]
    report(**files)
    # Pictures that the page does not show are not left behind.
    assert not list((files["output"] / "thumbs").iterdir())


def test_an_interruption_leaves_the_older_page_whole(
    files: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    report(**files)
    index = files["output"] / "index.html"
    before = index.read_text()
    names = [path for path in files["output"].rglob("*") if path.is_file()]
    files["inputs"][0].write_text(files["inputs"][0].read_text().replace('"in"', '"on"'))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(write, "pack_details", interrupted)
        with pytest.raises(KeyboardInterrupt):
            report(**files)
    assert index.read_text() == before
    assert all(path.exists() for path in names)
    report(**files)
    assert index.read_text() != before


def test_one_item_without_boxes_and_pictures_has_a_page(files: dict[str, Any]) -> None:
    row = {"id": "0", "image": "0.png", "task": 1, "subject": "x", "object": "x"}
    write_rows(files["gold"][0], [row | {"relations": ["on"]}])
    write_rows(files["inputs"][0], [{"id": "0", "task": 1, "prediction": "?"}])
    del files["images"]
    written = report(**files | {"bootstrap": 1000})
    assert written.counts["entries"] == 1


def test_no_rows_are_one_error(files: dict[str, Any]) -> None:
    files["gold"][0].write_text("")
    with pytest.raises(DataError, match="the file is empty"):
        report(**files)


def test_the_folder_is_looked_at_before_anything_is_scored(files: dict[str, Any]) -> None:
    files["output"].mkdir()
    (files["output"] / "thesis.txt").write_text("mine")
    files["inputs"] = [files["inputs"][0].parent / "torn.jsonl"]
    files["inputs"][0].write_text("{")
    with pytest.raises(ConfigError, match="holds something that is no report"):
        report(**files)
    assert (files["output"] / "thesis.txt").read_text() == "mine"


def test_no_picture_at_all_is_one_error(files: dict[str, Any], tmp_path: Path) -> None:
    files["images"] = [tmp_path / "elsewhere"]
    files["images"][0].mkdir()
    with pytest.raises(MissingInputError, match="3 of 3 pictures not found"):
        report(**files)
