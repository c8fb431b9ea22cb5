"""Plain captions in COCO's files; the numbers are those of pycocoevalcap's own classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vsdkit import Spice
from vsdkit.data.jsonl import read_rows
from vsdkit.errors import AlignmentError, ConfigError
from vsdkit.jvm import tokenize
from vsdkit.score import score
from vsdkit.score.coco import CocoReport
from vsdkit.settings.score import ScoreSettings

CAPTIONS = {
    1: ["A black cat on a mat.", "Two small cats on a red mat."],
    2: ["A man rides a horse.", "A person on a brown horse."],
    3: ["A dog in front of a house.", "A large dog near a house."],
}
SAID = {1: "A black cat on a red mat.", 2: "A man, on a horse!", 3: "a house near a dog"}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    """Write COCO's captions and one file of results, whose ids are text."""
    annotations = [
        {"image_id": image, "caption": caption}
        for image, captions in CAPTIONS.items()
        for caption in captions
    ]
    (tmp_path / "captions.json").write_text(json.dumps({"annotations": annotations}))
    write_results(tmp_path / "results.json", SAID)
    return {"coco": tmp_path / "captions.json", "preds": tmp_path / "results.json"}


def write_results(path: Path, said: dict[int, str]) -> Path:
    rows = [{"image_id": str(image), "caption": caption} for image, caption in said.items()]
    path.write_text(json.dumps(rows))
    return path


@pytest.mark.java
def test_the_numbers_are_those_of_pycocoevalcap(
    files: dict[str, Any], tmp_path: Path, kept_spice_cache: Path
) -> None:
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    report = score(**files, items=tmp_path / "items.jsonl")
    assert isinstance(report, CocoReport)
    found = report.to_dict()
    texts = [*SAID.values(), *(text for captions in CAPTIONS.values() for text in captions)]
    words = dict(zip(texts, map(" ".join, tokenize(texts)), strict=True))
    gts = {image: [words[text] for text in texts] for image, texts in CAPTIONS.items()}
    res = {image: [words[text]] for image, text in SAID.items()}
    bleu = Bleu(4).compute_score(gts, res, verbose=0)[0]
    assert [found[f"bleu{order}"] / 100 for order in (1, 2, 3, 4)] == pytest.approx(bleu)
    assert found["rouge_l"] / 100 == pytest.approx(Rouge().compute_score(gts, res)[0])
    assert found["cider"] / 100 == pytest.approx(Cider().compute_score(gts, res)[0])
    mean, of_images = Spice().compute_score(gts, res)
    assert found["spice"] / 100 == pytest.approx(mean)
    rows = [row for _, row in read_rows(tmp_path / "items.jsonl")]
    for row, scores in zip(rows, of_images, strict=True):
        for kind in ("Object", "Attribute", "Relation", "Color", "Size", "Cardinality"):
            value = row[f"spice_{kind.lower()}"]
            expected = scores[kind]["f"]
            assert value == (None if expected != expected else 100 * expected)
    assert rows[0]["caption"] == SAID[1]
    assert 0 < found["meteor"] < 100
    low, high = found["intervals"]["spice_object"]
    assert low <= found["spice_object"] <= high
    assert (found["images"], found["references"], found["missing"]) == (3, 6, 0)
    assert found["signature"]["spice"].startswith("refs:merged|mean of items|spice:1.0|")
    manifest = json.loads((tmp_path / "items.jsonl.run.json").read_bytes())
    assert manifest["scores"] == json.loads(json.dumps(found))
    titles = [row[0] for row in report.tables()[0].rows]
    assert titles[:8] == [
        *("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr", "SPICE")
    ]
    assert titles[8:10] == ["SPICE object", "SPICE attribute"]


@pytest.mark.java
def test_several_systems_stand_side_by_side(
    files: dict[str, Any], tmp_path: Path, kept_spice_cache: Path
) -> None:
    other = write_results(tmp_path / "other.json", {**SAID, 1: "", 3: "A dog near a house."})
    report = score(**files | {"preds": [files["preds"], other]}, bootstrap=100)
    found = report.to_dict()
    assert list(found["systems"]) == ["results", "other"]
    (difference,) = found["differences"]
    apart = found["systems"]["other"]["spice"] - found["systems"]["results"]["spice"]
    assert difference["numbers"]["spice"]["difference"] == pytest.approx(apart)
    assert difference["numbers"]["spice"]["p"] is not None
    assert found["systems"]["other"]["unparsed"] == 1
    assert "other: 3 images, 6 references, counted as wrong: 1 without a word, 0 missing" in (
        report.notes()
    )
    assert report.tables()[0].columns[:3] == ("number", "results", "other")


def test_images_without_a_result_stop_it_and_the_first_is_named(
    files: dict[str, Any], tmp_path: Path
) -> None:
    write_results(files["preds"], {1: "a cat"})
    with pytest.raises(AlignmentError, match="2 of 3 images have no result; the first: 2") as error:
        score(**files)
    assert "--allow-missing" in error.value.hint


def test_a_result_of_an_image_without_captions_is_refused(files: dict[str, Any]) -> None:
    write_results(files["preds"], {**SAID, 9: "a cat"})
    with pytest.raises(
        AlignmentError, match="1 images have a result and no captions; the first: 9"
    ):
        score(**files)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("gold", "gold.jsonl2"), ("diagnosis", True), ("reading", "coco"), ("worst", 3), ("task", 2)],
)
def test_settings_of_vsd_are_refused(files: dict[str, Any], setting: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"{setting} is of VSD's tasks"):
        score(**files, **{setting: value})


def test_captions_are_not_written_over(files: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="items"):
        score(**files, items=files["coco"])


def test_on_the_command_line_every_file_beside_captions_is_a_system() -> None:
    given = {"coco": Path("captions.json"), "preds": [Path("a.json"), Path("b.json")]}
    assert ScoreSettings.from_command_line(given) == given
    with pytest.raises(ConfigError, match="no file of results is named"):
        ScoreSettings.from_command_line({"coco": Path("captions.json"), "preds": None})
