"""A merged folder is told from any other by its run.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vsdkit.conversation import load_conversation, load_template
from vsdkit.errors import CheckpointError, DataError
from vsdkit.model.merged_folder import read_merged
from vsdkit.model.run_folder import TrainedRun

FACTS = {"command": "merge", "complete": True, "base": "owner/base", "image_mode": "single"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run = TrainedRun(
        folder=tmp_path,
        base="owner/base",
        image_mode="single",
        template=load_template("paper"),
        conversation=load_conversation("vicuna_v1"),
        training_images=frozenset({"1.jpg"}),
    )
    run.write_texts(tmp_path)
    return tmp_path


def _note(folder: Path, **facts: Any) -> None:
    (folder / "run.json").write_text(json.dumps(FACTS | facts))


def test_it_brings_what_it_was_trained_with(folder: Path) -> None:
    _note(folder)
    found = read_merged(str(folder))
    assert found is not None
    assert (found.base, found.image_mode) == (str(folder), "single")
    assert found.conversation == load_conversation("vicuna_v1")
    assert found.training_images == {"1.jpg"}


@pytest.mark.parametrize("facts", [{"command": "finetune"}, {"complete": False}])
def test_another_folder(folder: Path, facts: dict[str, Any]) -> None:
    _note(folder, **facts)
    assert read_merged(str(folder)) is None


def test_a_plain_base(tmp_path: Path) -> None:
    assert read_merged("tiny") is None
    assert read_merged("owner/model") is None
    assert read_merged(str(tmp_path)) is None


def test_a_folder_that_was_copied_in_part(folder: Path) -> None:
    _note(folder)
    (folder / "conversation.yaml").unlink()
    with pytest.raises(CheckpointError, match=r"conversation\.yaml is missing"):
        read_merged(str(folder))
    (folder / "run.json").write_text("{")
    with pytest.raises(DataError, match="not JSON"):
        read_merged(str(folder))
