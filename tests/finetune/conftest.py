"""A small data set to train on: eight synthetic images, twenty rows, their run.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vsdkit.conversation import load_conversation, load_template
from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import InstructionRow
from vsdkit.finetune.job import Job
from vsdkit.finetune.plan import make_plan
from vsdkit.model.bases import check_base
from vsdkit.settings.finetune import FinetuneSettings


def _make_rows() -> list[InstructionRow]:
    rows = []
    for number in range(20):
        image = f"{number % 8}.png"
        side = "left" if number % 2 else "right"
        rows.append(
            InstructionRow(
                id=f"row-{number}",
                image=image,
                task=2,
                question=f"Where is the red box, seen from ball {number}?",
                answer=f"The red box is to the {side} of the ball.",
            )
        )
    return rows


def _write_scenes(folder: Path) -> FinetuneSettings:
    """Write images and rows, and return settings that train on them in seconds."""
    pictures = folder / "pictures" / "below"
    pictures.mkdir(parents=True)
    for number in range(8):
        picture = Image.new("RGB", (40 + 4 * number, 48), (number * 30, 80, 120))
        picture.save(pictures / f"{number}.png")
    write_rows(folder / "instructions.jsonl", [row.to_dict() for row in _make_rows()])
    note = {"template": "paper", "template_text": load_template("paper").text}
    (folder / "instructions.jsonl.run.json").write_text(json.dumps(note))
    return FinetuneSettings(
        instructions=folder / "instructions.jsonl",
        images=(folder / "pictures",),
        runs=folder / "runs",
        name="run",
        base="tiny",
        image_mode="single",
        batching="rows",
        gpus=1,
        global_batch_size=8,
        epochs=2,
        learning_rate=5e-3,
        lora_rank=4,
        lora_alpha=8,
        lora_dropout=0.0,
        save_steps=2,
    )


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vsdkit-cache")


# For a module, not for the session: tests of other packages want the user's own folder.
@pytest.fixture(scope="module", autouse=True)
def rows_cache(cache_folder: Path) -> Iterator[Path]:
    """Keep the tables of the tests' rows out of the user's cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VSDKIT_CACHE", str(cache_folder))
        yield cache_folder


@pytest.fixture(scope="session")
def write_scenes() -> Callable[[Path], FinetuneSettings]:
    return _write_scenes


@pytest.fixture
def settings(tmp_path: Path) -> FinetuneSettings:
    return _write_scenes(tmp_path)


def _make_job(settings: FinetuneSettings, folder: Path, **changes: Any) -> Job:
    """Return what the parent would tell of a run; ``changes`` go over its fields."""
    plan = make_plan(settings, rows=20, pictures=8, visible_gpus=0, config=check_base("tiny"))
    told: dict[str, Any] = {
        "folder": str(folder),
        "settings": settings.model_dump(mode="json"),
        "plan": plan.to_dict(),
        "identity": {"base_commit": "0" * 64, "instructions": "1" * 64},
        "rows": [],
        "left_out_rows": [],
        "images": {},
        "template": load_template("paper").text,
        "conversation": load_conversation("vicuna_v1").text,
        "checkpoint": None,
        "origins": {},
        "argv": [],
        "parent": 1,
        "host": "here",
        "start": "1",
        "port": None,
        "environment": {},
    }
    return Job(**told | changes)


@pytest.fixture(scope="session")
def make_job() -> Callable[..., Job]:
    return _make_job
