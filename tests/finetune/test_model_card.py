"""The model card: read as the hub reads it, and its Python run."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from PIL import Image

from vsdkit.finetune.job import Job
from vsdkit.finetune.model_card import model_card
from vsdkit.finetune.plan import Plan
from vsdkit.finetune.summary import FinishedRun, summarise
from vsdkit.finetune.train import add_lora
from vsdkit.finetune.trainer import save_adapter
from vsdkit.model.bases import tiny_base_path
from vsdkit.model.checkpoint import load_base
from vsdkit.model.precision import choose_precision
from vsdkit.settings.finetune import FinetuneSettings

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MakeRun = Callable[..., FinishedRun]


@pytest.fixture
def make_run(settings: FinetuneSettings, make_job: Callable[..., Job], tmp_path: Path) -> MakeRun:
    def make(*, commit: str = "0" * 64, **changes: object) -> FinishedRun:
        identity = {"base_commit": commit, "instructions": "1" * 64}
        return FinishedRun(
            make_job(
                settings.model_copy(update=changes),
                tmp_path / "runs" / "mine",
                identity=identity,
            ),
            precision="float32",
            gpu_names=(),
            versions={"vsdkit": "0.9"},
            targets=("q_proj",),
            first_loss=2.0,
            last_loss=0.5,
            seconds=12.5,
        )

    return make


def test_card_of_a_hub_base_is_what_the_hub_reads(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(base="owner/model", commit=COMMIT)
    (tmp_path / "README.md").write_text(model_card(run, {"memory_gib": 1.5}), encoding="utf-8")
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.to_dict() == {
        "base_model": "owner/model",
        "base_model_relation": "adapter",
        "library_name": "peft",
        "pipeline_tag": "image-text-to-text",
        "tags": ["lora", "visual-spatial-description", "vsdkit"],
    }
    assert summarise(run) in card.text
    assert f'"owner/model", revision="{COMMIT}"' in card.text
    assert "| loss of the last step | 0.5 |" in card.text
    assert "| memory, GiB a process | 1.5 |" in card.text
    assert "No license is stated" in card.text


def test_card_tells_nothing_of_this_machine(make_run: MakeRun, tmp_path: Path) -> None:
    base = tmp_path / "bases" / "mine"
    base.mkdir(parents=True)
    text = model_card(make_run(base=str(base)), {})
    assert str(tmp_path) not in text
    assert os.uname().nodename not in re.split(r"\W+", text)
    data = ModelCard(text).data.to_dict()
    assert "base_model" not in data
    assert "license" not in data
    assert "GiB" not in text


def test_rows_of_the_hub_are_named_as_a_data_set(make_run: MakeRun) -> None:
    text = model_card(make_run(instructions=Path("somebody/vsd-rows")), {})
    assert ModelCard(text).data.to_dict()["datasets"] == ["somebody/vsd-rows"]


@pytest.mark.parametrize("image_mode", ["single", "anyres"])
@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing")
def test_the_cards_python_runs(
    make_run: MakeRun,
    settings: FinetuneSettings,
    tmp_path: Path,
    image_mode: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = make_run(image_mode=image_mode)
    loaded = load_base("tiny", image_mode=image_mode, precision=choose_precision("cpu"))
    save_adapter(add_lora(loaded, settings, Plan(**run.job.plan)), tmp_path / "mine", sharded=False)
    Image.new("RGB", (64, 48), (200, 30, 30)).save(tmp_path / "scene.jpg")
    code = re.search(r"```python\n(.*?)```", model_card(run, {}), re.DOTALL)
    assert code is not None
    names: dict[str, object] = {}
    with chdir(tmp_path):
        exec(code[1].replace("FOLDER_OF_THE_BASE", str(tiny_base_path())), names)
    assert type(names["model"]).__name__.startswith("PeftModel")
    if image_mode == "anyres":
        assert capsys.readouterr().out.strip()
