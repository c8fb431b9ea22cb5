"""The code of docs/robotics.md runs: the plain loop as it is, the ROS 2 node on stand-ins."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from vsdkit.data.relations import RELATIONS

PAGE = Path(__file__).parents[1] / "docs" / "robotics.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
(NODE,) = [block for block in BLOCKS if "import rclpy" in block]
PLAIN = [block for block in BLOCKS if block is not NODE]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    # The page's process is started by its name.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


@pytest.mark.slow
def test_the_plain_code_runs_block_after_block(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {}
    printed = []
    for block in PLAIN:
        exec(compile(block, str(PAGE), "exec"), names)
        printed.append(capfd.readouterr().out.splitlines())
    loop, quick, pairs, boxes, stream = printed
    assert len(loop) == 3
    assert all(line.startswith(RELATIONS) for line in loop)
    assert quick in ([], ["pick it up"])
    assert len(pairs) == 6
    assert boxes == []
    # Its third word and on is the relation, then that there is no error.
    assert [line.split()[0] for line in stream] == ["0", "1", "2"]
    assert all(
        line.endswith("None") and line.split(" ", 1)[1].startswith(RELATIONS) for line in stream
    )


class Node:
    """Stands for rclpy.node.Node."""

    parameters: ClassVar[dict[str, Any]] = {}

    def __init__(self, name: str) -> None:
        self.name, self.told = name, list[str]()
        self.published: list[tuple[str, str]] = []
        self.is_published = threading.Event()

    def declare_parameter(self, name: str, default: Any) -> Any:
        return SimpleNamespace(value=self.parameters.get(name, default))

    def get_logger(self) -> Any:
        return SimpleNamespace(info=self.told.append, warning=self._warn)

    def _warn(self, text: str) -> None:
        self.told.append(text)
        self.is_published.set()

    def create_publisher(self, kind: Any, topic: str, depth: int) -> Any:
        def publish(message: Any) -> None:
            self.published.append((topic, message.data))
            self.is_published.set()

        return SimpleNamespace(publish=publish)


class Synchronizer:
    """Stands for message_filters.ApproximateTimeSynchronizer."""

    def __init__(self, topics: list[Any], *, queue_size: int, slop: float) -> None:
        self.topics = topics

    def registerCallback(self, take: Callable[..., None]) -> None:  # noqa: N802 - ROS's name
        self.send = take


@pytest.fixture
def node(place: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The node's names, ROS being stand-ins and the model the tiny base."""
    spun: list[Any] = []
    rclpy = types.ModuleType("rclpy")
    modules: dict[str, dict[str, Any]] = {
        "rclpy": {"init": lambda: None, "spin": spun.append, "shutdown": lambda: None},
        "rclpy.node": {"Node": Node},
        "rclpy.qos": {"qos_profile_sensor_data": "newest only"},
        "message_filters": {
            "Subscriber": lambda node, kind, topic, **more: (kind, topic),
            "ApproximateTimeSynchronizer": Synchronizer,
        },
        "sensor_msgs": {},
        "sensor_msgs.msg": {"Image": "Image"},
        "std_msgs": {},
        "std_msgs.msg": {"String": lambda data: SimpleNamespace(data=data)},
        "vision_msgs": {},
        "vision_msgs.msg": {"Detection2DArray": "Detection2DArray"},
    }
    for name, members in modules.items():
        module = rclpy if name == "rclpy" else types.ModuleType(name)
        module.__dict__.update(members)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(Node, "parameters", {"model": "tiny"})
    names: dict[str, Any] = {"__name__": "relations", "spun": spun}
    exec(compile(NODE, str(PAGE), "exec"), names)
    return names


def image_message(encoding: str = "rgb8", *, padding: int = 0) -> Any:
    channels = 1 if encoding == "mono8" else 3
    pixels = np.arange(4 * 6 * channels, dtype=np.uint8).reshape(4, 6 * channels)
    data = np.pad(pixels, ((0, 0), (0, padding))).tobytes()
    header = SimpleNamespace(stamp=SimpleNamespace(sec=7, nanosec=9), frame_id="camera")
    size = {"height": 4, "width": 6, "step": 6 * channels + padding}
    return SimpleNamespace(encoding=encoding, data=data, header=header, **size)


def detection(label: str, score: float, *box: float) -> Any:
    x, y, width, height = box
    return SimpleNamespace(
        results=[SimpleNamespace(hypothesis=SimpleNamespace(class_id=label, score=score))],
        bbox=SimpleNamespace(
            center=SimpleNamespace(position=SimpleNamespace(x=x, y=y)),
            size_x=width,
            size_y=height,
        ),
    )


@pytest.mark.parametrize("padding", [0, 5])
def test_messages_become_arrays_in_rgb(node: dict[str, Any], padding: int) -> None:
    rgb = node["to_array"](image_message("rgb8", padding=padding))
    bgr = node["to_array"](image_message("bgr8", padding=padding))
    grey = node["to_array"](image_message("mono8", padding=padding))
    assert rgb.shape == (4, 6, 3)
    assert grey.shape == (4, 6)
    assert list(rgb[0, 0]) == [0, 1, 2]
    assert list(bgr[0, 0]) == [2, 1, 0]
    assert list(rgb[3, 5]) == [69, 70, 71]


def test_the_node_publishes_the_relations_of_an_image(node: dict[str, Any]) -> None:
    node["main"]()
    (running,) = node["spun"]
    assert running.both.topics == [("Image", "image"), ("Detection2DArray", "detections")]
    detections = [
        detection("cup", 0.9, 2, 2, 2, 2),
        detection("lamp", 0.1, 1, 1, 1, 1),
        SimpleNamespace(results=[], bbox=None),
        detection("desk", 0.8, 3, 3, 4, 2),
    ]
    running.both.send(image_message(), SimpleNamespace(detections=detections))
    assert running.is_published.wait(60)
    ((topic, text),) = running.published
    said = json.loads(text)
    assert topic == "relations"
    assert (said["stamp"], said["frame_id"]) == ([7, 9], "camera")
    assert [(one["subject"], one["object"]) for one in said["relations"]] == [
        ("cup", "desk"),
        ("desk", "cup"),
    ]
    first = said["relations"][0]
    assert first["relation"] in RELATIONS
    assert 0 < first["probability"] <= 1
    assert first["subject_box"] == [1, 3, 1, 3]
    assert first["object_box"] == [2, 4, 1, 5]
    # An image that cannot be asked about is passed over, and the next one is answered.
    running.is_published.clear()
    running.both.send(SimpleNamespace(encoding="yuv"), SimpleNamespace(detections=detections))
    assert running.is_published.wait(60)
    assert running.told[-1] == "an image is passed over: 'yuv'"
    running.is_published.clear()
    running.both.send(image_message("mono8"), SimpleNamespace(detections=detections[:1]))
    assert running.is_published.wait(60)
    assert json.loads(running.published[-1][1])["relations"] == []
