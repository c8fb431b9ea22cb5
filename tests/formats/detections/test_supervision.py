"""Against another reader of the same formats: what ``supervision`` writes, and what it reads.

It is no dependency: it moves wrong corners into order without a word, which here is an error.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vsdkit
from vsdkit.formats.detections import find_detections, read_detections

with warnings.catch_warnings():
    # It warns that OpenCV is not there, which it does without.
    warnings.simplefilter("ignore")
    sv = pytest.importorskip("supervision")


@pytest.fixture
def dataset(world: Any, images: Path) -> Any:
    labels = sorted({label for _, objects in world.values() for label, _ in objects})
    found = {
        str(images / name): sv.Detections(
            xyxy=np.array([box for _, box in objects], dtype=np.float32),
            class_id=np.array([labels.index(label) for label, _ in objects]),
        )
        for name, (_, objects) in world.items()
    }
    return sv.DetectionDataset(classes=labels, images=list(found), annotations=found)


def _write(dataset: Any, kind: str, folder: Path) -> Path:
    if kind == "coco":
        dataset.as_coco(annotations_path=str(folder / "coco.json"))
        return folder / "coco.json"
    if kind == "yolo":
        dataset.as_yolo(
            annotations_directory_path=str(folder / "yolo" / "labels"),
            data_yaml_path=str(folder / "yolo" / "data.yaml"),
        )
        return folder / "yolo"
    dataset.as_pascal_voc(annotations_directory_path=str(folder / "voc"))
    return folder / "voc"


@pytest.mark.parametrize("kind", ["coco", "yolo", "voc"])
def test_what_supervision_writes_is_read_as_it_means_it(
    dataset: Any, images: Path, tmp_path: Path, kind: str
) -> None:
    found = find_detections(_write(dataset, kind, tmp_path))
    assert found is not None
    made = read_detections(found, [images])
    for path, given in dataset.annotations.items():
        objects = made.objects[Path(path).name]
        assert [one.label for one in objects] == [dataset.classes[n] for n in given.class_id]
        corners = np.array([one.box.corners for one in objects])
        # VOC is written in whole pixels.
        assert np.abs(corners - given.xyxy).max() <= (0.5 if kind == "voc" else 0.01)


def test_its_detections_are_described_in_python(
    dataset: Any, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsdkit.model.answerer.MAX_NEW_TOKENS", {1: 4, 2: 6, 3: 8})
    describer = vsdkit.load("tiny", image_mode="single", tasks=(1,))
    given = dataset.annotations[str(images / "street.jpg")]
    given.data["class_name"] = np.array([dataset.classes[n] for n in given.class_id])
    said = describer.describe_detections(images / "street.jpg", given, pairs=1)
    assert [(one.subject, one.object) for one in said] == [("dog", "dog")]
    assert said[0].subject_box == (60, 100, 10, 50)
    assert describer.describe_detections(images / "street.jpg", sv.Detections.empty()) == []
