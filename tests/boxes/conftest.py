"""Gold rows of synthetic scenes, and one model fitted on some of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsdkit.boxes.model import BoxesModel, FitRows
from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import GoldRow
from vsdkit.demo.scenes import sample_scenes


def gold_rows(scenes: int, *, seed: int) -> list[GoldRow]:
    rows = []
    for number, scene in enumerate(sample_scenes(scenes, seed=seed)):
        captions = {1: (), 2: tuple(dict.fromkeys(scene.captions)), 3: scene.descriptions}
        rows += [
            GoldRow(
                id=str(number),
                image=f"{number}.jpg",
                task=task,
                subject=scene.subject.tag,
                object=scene.object.tag,
                subject_box=scene.subject.box,
                object_box=scene.object.box,
                relations=(scene.relation,),
                references=references,
            )
            for task, references in captions.items()
        ]
    return rows


@pytest.fixture(scope="session")
def fit_rows() -> list[GoldRow]:
    return gold_rows(270, seed=1)


@pytest.fixture(scope="session")
def held_out() -> list[GoldRow]:
    return gold_rows(90, seed=2)


@pytest.fixture(scope="session")
def model(fit_rows: list[GoldRow]) -> BoxesModel:
    return BoxesModel.fit(FitRows.of(fit_rows, where="gold.jsonl"))


@pytest.fixture(scope="session")
def gold_file(fit_rows: list[GoldRow], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gold") / "gold_train.jsonl"
    write_rows(path, (row.to_dict() for row in fit_rows))
    return path
