"""The same detections get the same answers, whichever format they come in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import vsdkit
from vsdkit.data.images import open_given
from vsdkit.formats.detections import find_detections, read_detections
from vsdkit.infer.describe import Describer

Answers = dict[tuple[str, str, str], dict[str, Any]]
"""Image and both objects' labels and boxes to what was said."""


@pytest.fixture(scope="module")
def describer() -> Iterator[Describer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vsdkit.model.answerer.MAX_NEW_TOKENS", {1: 4, 2: 6, 3: 8})
        yield vsdkit.load("tiny", image_mode="single", tasks=(1, 2))


@pytest.fixture
def from_objects(describer: Describer, world: Any, images: Path) -> Answers:
    """What is said of ``supervision.Detections`` of the same boxes."""
    answers: Answers = {}
    for name, (_, objects) in world.items():
        labels, boxes = zip(*objects, strict=True)
        given = SimpleNamespace(xyxy=np.array(boxes), data={"class_name": np.array(labels)})
        for one in describer.describe_detections(images / name, given):
            key = (name, f"{one.subject} {one.subject_box}", f"{one.object} {one.object_box}")
            answers[key] = one.to_dict()
    return answers


def test_every_format_and_objects_in_python_get_the_same_answers(
    describer: Describer, from_objects: Answers, written: Any
) -> None:
    found = find_detections(written.path)
    assert found is not None
    made = read_detections(found, [written.images], tasks=describer.tasks)
    answers: Answers = {}
    for name in made.objects:
        rows = [row for row in made.rows if row.image == name]
        items = [list(item) for _, item in groupby(rows, key=lambda row: row.id)]
        if items:
            for one in describer.describe_items(open_given(written.images / name), items):
                key = (name, f"{one.subject} {one.subject_box}", f"{one.object} {one.object_box}")
                answers[key] = one.to_dict()
    assert len(answers) == 8
    assert answers == from_objects
