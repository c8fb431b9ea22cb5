"""One set of detections, written in every format that is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

# Image to its size and its objects: label and [x_min, y_min, x_max, y_max]; in the first there are
# two dogs, and the last has one object.
World = Mapping[str, tuple[tuple[int, int], list[tuple[str, tuple[float, ...]]]]]
WORLD: World = {
    "street.jpg": (
        (200, 120),
        [
            ("dog", (10, 60, 50, 100)),
            ("traffic light", (120, 0, 140, 80)),
            ("dog", (60, 70, 100, 115)),
        ],
    ),
    "room 1.png": ((90, 160), [("sofa", (0, 80, 90, 160)), ('"best" cat', (20.5, 60, 40, 100))]),
    "sky.jpg": ((64, 64), [("kite", (1, 1, 20, 20))]),
}
LABELS = sorted({label for _, objects in WORLD.values() for label, _ in objects})


class Written(NamedTuple):
    path: Path
    images: Path


@pytest.fixture
def world() -> World:
    return WORLD


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for name, (size, _) in WORLD.items():
        Image.new("RGB", size, "grey").save(folder / name)
    return folder


def write_coco(folder: Path) -> Path:
    numbers = {label: number for number, label in enumerate(LABELS, start=3)}
    document: dict[str, Any] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": number, "name": label} for label, number in numbers.items()],
    }
    for image, (name, ((width, height), objects)) in enumerate(WORLD.items(), start=7):
        document["images"].append(
            {"id": image, "file_name": name, "width": width, "height": height}
        )
        for label, (left, top, right, bottom) in objects:
            document["annotations"].append(
                {
                    "id": len(document["annotations"]),
                    "image_id": image,
                    "category_id": numbers[label],
                    "bbox": [left, top, right - left, bottom - top],
                }
            )
    path = folder / "instances.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def write_yolo(folder: Path) -> Path:
    dataset = folder / "yolo"
    (dataset / "labels").mkdir(parents=True)
    (dataset / "data.yaml").write_text(f"names: {json.dumps(LABELS)}\n", encoding="utf-8")
    for name, ((width, height), objects) in WORLD.items():
        lines = [
            f"{LABELS.index(label)} {(left + right) / 2 / width:.6f} "
            f"{(top + bottom) / 2 / height:.6f} {(right - left) / width:.6f} "
            f"{(bottom - top) / height:.6f}\n"
            for label, (left, top, right, bottom) in objects
        ]
        file = dataset / "labels" / f"{Path(name).stem}.txt"
        file.write_text("".join(lines), encoding="utf-8")
    return dataset


def write_voc(folder: Path) -> Path:
    dataset = folder / "voc"
    dataset.mkdir()
    for name, ((width, height), objects) in WORLD.items():
        boxes = "".join(
            f"<object><name>{label}</name><bndbox><xmin>{left + 1}</xmin><ymin>{top + 1}</ymin>"
            f"<xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
            for label, (left, top, right, bottom) in objects
        )
        (dataset / f"{Path(name).stem}.xml").write_text(
            f"<annotation><filename>{name}</filename><size><width>{width}</width>"
            f"<height>{height}</height><depth>3</depth></size>{boxes}</annotation>",
            encoding="utf-8",
        )
    return dataset


def _ultralytics(label: str, box: tuple[float, ...]) -> dict[str, Any]:
    edges = dict(zip(("x1", "y1", "x2", "y2"), box, strict=True))
    return {"name": label, "class": 0, "confidence": 0.9, "box": edges}


def _qwen(label: str, box: tuple[float, ...]) -> dict[str, Any]:
    return {"bbox_2d": list(box), "label": label}


def write_one_list(folder: Path) -> Path:
    named = {
        name: [_qwen(label, box) for label, box in objects] for name, (_, objects) in WORLD.items()
    }
    path = folder / "qwen.json"
    path.write_text(json.dumps(named), encoding="utf-8")
    return path


def write_replies(folder: Path) -> Path:
    replies = folder / "replies"
    replies.mkdir()
    for name, (_, objects) in WORLD.items():
        text = json.dumps([_qwen(label, box) for label, box in objects], indent=1)
        (replies / f"{Path(name).stem}.json").write_text(f"```json\n{text}\n```\n")
    return replies


def write_ultralytics(folder: Path) -> Path:
    results = folder / "results"
    results.mkdir()
    for name, (_, objects) in WORLD.items():
        text = json.dumps([_ultralytics(label, box) for label, box in objects])
        (results / f"{name}.json").write_text(text, encoding="utf-8")
    return results


WRITERS: dict[str, Callable[[Path], Path]] = {
    "coco": write_coco,
    "yolo": write_yolo,
    "voc": write_voc,
    "qwen": write_one_list,
    "qwen-replies": write_replies,
    "ultralytics": write_ultralytics,
}


@pytest.fixture(params=WRITERS)
def written(request: pytest.FixtureRequest, tmp_path: Path, images: Path) -> Written:
    return Written(WRITERS[request.param](tmp_path), images)


@pytest.fixture
def coco(tmp_path: Path, images: Path) -> Written:
    return Written(write_coco(tmp_path), images)


@pytest.fixture
def yolo(tmp_path: Path, images: Path) -> Written:
    return Written(write_yolo(tmp_path), images)


@pytest.fixture
def voc(tmp_path: Path, images: Path) -> Written:
    return Written(write_voc(tmp_path), images)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Return a function that writes a text under a name, in folders if the name has some."""

    def put(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return put
