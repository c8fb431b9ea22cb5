"""One picture described for a person, and what can be wrong is told before the model is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vsdkit.errors import ConfigError, DataError, MissingInputError
from vsdkit.infer import infer
from vsdkit.infer.describe import Describer, Description
from vsdkit.infer.one_image import ImageReport, answer_lines, describe_image
from vsdkit.settings.infer import InferSettings

BOXES = {"subject_box": (4, 64, 4, 64), "object_box": (64, 124, 64, 124)}


@pytest.fixture
def settings(photo: Path, short_answers: None) -> dict[str, Any]:
    pair = {"image": photo, "subject": "red box", "object": "blue ball"}
    return {"base": "tiny", "image_mode": "single"} | pair


def no_model(*_: object, **__: object) -> Describer:
    raise AssertionError("a model was loaded")


def test_the_report_is_what_the_library_says(
    settings: dict[str, Any], describer: Describer, photo: Path
) -> None:
    report = infer(**settings, **BOXES)
    said = describer.describe(photo, "red box", "blue ball", *BOXES.values())
    assert report.description == said
    document = json.loads(json.dumps(report.to_dict()))
    assert document["relation"] == said.relation
    assert document["probabilities"] == said.probabilities
    assert (document["image"], document["subject_box"]) == (str(photo), [4, 64, 4, 64])
    assert (document["base"], document["adapter"], document["saved"]) == ("tiny", None, None)


def test_the_picture_is_saved_with_its_boxes(settings: dict[str, Any], tmp_path: Path) -> None:
    place = tmp_path / "below" / "out.png"
    report = describe_image(InferSettings(**settings, **BOXES, save=place))
    assert report.saved == str(place)
    with Image.open(place) as saved:
        assert saved.size[0] == 480
        assert saved.size[1] > 480
    assert f"{place}: the picture with both boxes" in report.notes()


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({"image": Path("none.jpg")}, MissingInputError, "no such picture"),
        ({"subject": "an <image>"}, DataError, "stands for the picture"),
        ({"save": Path("a.txt"), **BOXES}, ConfigError, "no format of images"),
        ({"save": "the picture itself", **BOXES}, ConfigError, "are the same file"),
    ],
)
def test_what_is_wrong_is_told_before_the_model_is_loaded(
    settings: dict[str, Any],
    given: dict[str, Any],
    kind: type[Exception],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vsdkit.infer.one_image.make_describer", no_model)
    if given.get("save") == "the picture itself":
        given = given | {"save": settings["image"]}
    with pytest.raises(kind, match=message):
        describe_image(InferSettings(**settings | given))


def described(**given: Any) -> Description:
    chances = {"on": 0.75, "above": 0.2, "in": 0.04, "under": 0.01, "next to": 0.0}
    raw = {1: "on", 2: "it is on it.", 3: "a\nb\nc"}
    fields = {
        "subject": "cup",
        "object": "desk",
        "subject_box": None,
        "object_box": None,
        "relation": "on",
        "probabilities": chances,
        "sentence": "it is on it.",
        "sentences": ("a", "b", "c"),
        "raw": raw,
        "unfinished": (),
    }
    return Description(**fields | given)


def test_a_person_reads_the_relation_with_its_probability_and_the_next_ones() -> None:
    report = ImageReport("p.jpg", described(), None, "tiny", None)
    assert list(answer_lines(report.description)) == [
        ("relation", "on (0.750)"),
        ("sentence", "it is on it."),
        ("sentence 1 of 3", "a"),
        ("sentence 2 of 3", "b"),
        ("sentence 3 of 3", "c"),
    ]
    assert report.notes() == ["next likely: above 0.200, in 0.040, under 0.010"]
    assert report.tables()[0].columns == ("cup", "and desk")


def test_what_was_not_asked_is_not_shown() -> None:
    only = described(raw={2: "x"}, relation=None, probabilities=None, sentences=None)
    assert [name for name, _ in answer_lines(only)] == ["sentence"]
    report = ImageReport("p.jpg", only, None, "tiny", None)
    assert report.notes() == []
    assert "relation" not in report.to_dict()


def test_what_could_not_be_read_or_was_cut_off_is_shown_as_such() -> None:
    said = described(
        relation=None,
        probabilities=None,
        sentences=None,
        raw={1: "maybe\non", 2: "it is on it.", 3: "one only"},
        unfinished=(2, 3),
    )
    assert [text for _, text in answer_lines(said)] == [
        "(not the answer that was asked for: 'maybe on')",
        "it is on it. (cut off)",
        "(not the answer that was asked for: 'one only') (cut off)",
    ]
