from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vsdkit.errors import DataError, MissingInputError
from vsdkit.formats.coco_captions import read_coco_captions, read_coco_results


def write(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def annotation(image: Any, caption: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": image, "caption": caption}


def test_captions_are_kept_as_they_are_by_image_whatever_the_ids_are(tmp_path: Path) -> None:
    entries = [annotation(7, "A cup."), annotation("b", "x"), annotation("7", "A cup.")]
    path = write(tmp_path / "captions.json", {"info": {}, "images": [], "annotations": entries})
    assert read_coco_captions(path) == {"7": ("A cup.", "A cup."), "b": ("x",)}


def test_results_may_be_empty_sentences(tmp_path: Path) -> None:
    path = write(tmp_path / "results.json", [annotation(7, ""), annotation("b", "x")])
    assert read_coco_results(path) == {"7": "", "b": "x"}


@pytest.mark.parametrize(
    ("document", "message", "where"),
    [
        ([annotation(7, "a")], "no list of annotations", ""),
        ({"annotations": {}}, "no list of annotations", ""),
        ({"annotations": []}, "there is no caption", ""),
        ({"annotations": [annotation(7, " ")]}, "an empty caption of image 7", "annotations[0]"),
        ({"annotations": [3]}, "expected an object, got 3", "annotations[0]"),
        (
            {"annotations": [annotation(7, "a"), annotation(None, "a")]},
            "expected a number or text, got None",
            "annotations[1], field 'image_id'",
        ),
    ],
)
def test_a_file_that_holds_no_captions_is_refused(
    tmp_path: Path, document: Any, message: str, where: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_coco_captions(write(tmp_path / "captions.json", document))
    assert where in caught.value.where
    assert "captions.json" in caught.value.where


@pytest.mark.parametrize(
    ("document", "message", "where"),
    [
        ({"annotations": [annotation(7, "a")]}, "no list of results", ""),
        ([], "there is no result", ""),
        ([annotation(7, "a"), annotation("7", "b")], "image 7 has a second caption", "[1]"),
        ([annotation(True, "a")], "expected a number or text, got True", "[0], field 'image_id'"),
        ([annotation(7, ["a"])], "expected a sentence", "[0], field 'caption'"),
        ([{"image_id": 7}], "expected a sentence, got None", "[0], field 'caption'"),
    ],
)
def test_a_file_that_holds_no_results_is_refused(
    tmp_path: Path, document: Any, message: str, where: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_coco_results(write(tmp_path / "results.json", document))
    assert where in caught.value.where


def test_a_file_that_is_cut_off_or_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    with pytest.raises(MissingInputError, match="no such file"):
        read_coco_results(path)
    path.write_text('[{"image_id": 1, "cap')
    with pytest.raises(DataError, match="not JSON") as caught:
        read_coco_results(path)
    assert "results are one list" in caught.value.hint
