"""Pictures of a page: found, left out with a remark, or told by run.json."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vsdkit.data.records import GoldRow
from vsdkit.errors import MissingInputError
from vsdkit.progress import SILENT
from vsdkit.report.page import Page
from vsdkit.report.predictions.answered import Answered, AnsweredSystem
from vsdkit.report.predictions.pictures import Pictures, find_pictures
from vsdkit.score.inputs import System
from vsdkit.settings.report import ReportSettings

NAMES = ("1.jpg", "2.jpg", "3.jpg")


@pytest.fixture
def find(tmp_path: Path) -> Callable[..., Pictures]:
    def run(made: Any = None, **settings: Any) -> Pictures:
        rows = [GoldRow(name, name, task, "a", "b") for name in NAMES for task in (1, 2)]
        system = AnsweredSystem(System("one", (Path("x"),), ()), {}, made or {})
        answered = Answered(rows, [system], None, [])
        return find_pictures(
            answered, ReportSettings(**settings), Page(tmp_path / "report"), SILENT
        )

    return run


def test_a_picture_that_is_not_found_or_broken_is_a_remark(
    find: Callable[..., Pictures], tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    Image.new("RGB", (64, 32)).save(folder / "1.jpg")
    (folder / "2.jpg").write_bytes(b"no picture")
    found = find(images=[folder])
    assert list(found.thumbnails) == ["1.jpg"]
    assert found.sizes == {"1.jpg": (64, 32)}
    (remark,) = found.remarks
    assert remark == "warning: 2 of 3 pictures are outlines; the first: 3.jpg: not found"
    assert found.note == "2 pictures were not found or do not open"


def test_folders_with_none_of_the_pictures_are_one_error(
    find: Callable[..., Pictures], tmp_path: Path
) -> None:
    with pytest.raises(MissingInputError, match="3 of 3 pictures not found"):
        find(images=[tmp_path])


def test_without_folders_sizes_are_those_that_infer_noted(find: Callable[..., Pictures]) -> None:
    noted = {"1.jpg": f"480 640 5 6 7 {'0' * 64} /gone/1.jpg", "9.jpg": "damaged"}
    found = find({"images": noted})
    assert found.sizes == {"1.jpg": (640, 480)}
    assert not found.thumbnails
    assert "--images" in found.note
    assert find({"images": ["x"]}).sizes == {}
