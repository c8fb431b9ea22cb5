"""Rows about made-up items, and the table of rows kept out of the user's cache folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vsdkit.data.records import Box, GoldRow, InstructionRow


@pytest.fixture(scope="module", autouse=True)
def rows_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VSDKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def _make_rows(
    item: str = "7", *, subject: str = "cup", object_: str = "desk", relation: str = "on"
) -> list[InstructionRow]:
    """Return the rows of an item, with the questions of the template ``paper``."""
    said = f"the {subject} is {relation} the {object_}"
    questions = {
        1: "Given the image, choose the most appropriate preposition to complete the sentence: "
        f"'The {subject} is [BLANK] the {object_}'. Select from: on, in, next to, under, above, "
        "behind, in front of, to the left of, to the right of.",
        2: "Based on the image, provide a concise textual description or phrase of the single "
        f"spatial relationship between the two objects {subject} and {object_}.",
        3: "Using the image as a reference, generate three detailed and diverse textual "
        f"descriptions that describe the spatial relationship between the two objects {subject} "
        f"and {object_}.",
    }
    answers = {1: relation, 2: said, 3: f"{said}. \n {said} now. \n {said} today."}
    names = {1: "1", 2: "2-1", 3: "3"}
    return [
        InstructionRow(f"{item}-task{names[task]}", f"{item}.png", task, questions[task], answer)
        for task, answer in answers.items()
    ]


@pytest.fixture(scope="session")
def make_rows() -> Callable[..., list[InstructionRow]]:
    return _make_rows


@pytest.fixture
def gold_row() -> GoldRow:
    """Return what is known of item 7: its boxes lie the other way round than its label."""
    return GoldRow(
        id="7",
        image="7.png",
        task=1,
        subject="cup",
        object="desk",
        subject_box=Box(10, 30, 50, 70),
        object_box=Box(10, 30, 5, 25),
        relations=("to the left of",),
    )


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Return a folder with the picture of item 7."""
    from PIL import Image

    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (80, 40), (200, 80, 40)).save(folder / "7.png")
    return folder
