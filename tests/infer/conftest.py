"""A few synthetic images of mixed size with items, and an adapter on the tiny base."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image, ImageDraw

import vsdkit
from vsdkit.conversation import load_conversation, load_template
from vsdkit.data.records import GoldRow
from vsdkit.demo.scenes import sample_scenes
from vsdkit.infer import InferReport, infer
from vsdkit.infer.describe import Describer
from vsdkit.manifest import Manifest
from vsdkit.model.run_folder import TrainedRun
from vsdkit.settings.infer import InferSettings

SIZES = ((64, 64), (128, 128), (200, 90), (90, 200), (64, 64), (300, 40))


class Scenes(NamedTuple):
    """Images and items."""

    images: Path
    items: Path


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Scenes:
    folder = tmp_path_factory.mktemp("scenes")
    images = folder / "images" / "below"
    images.mkdir(parents=True)
    rows = []
    for number, (width, height) in enumerate(SIZES):
        picture = Image.new("RGB", (width, height), (246, 246, 246))
        pen = ImageDraw.Draw(picture)
        pen.rectangle((4, 4, width // 2, height // 2), fill=(214, 40, 40))
        pen.ellipse((width // 2, height // 2, width - 4, height - 4), fill=(40, 80, 215))
        picture.save(images / f"{number}.png")
        rows.append({"image": f"{number}.png", "subject": "red box", "object": "blue ball"})
    rows.append({"image": "1.png", "subject": "blue ball", "object": "red box"})
    items = folder / "items.jsonl"
    items.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return Scenes(folder / "images", items)


@pytest.fixture(scope="session")
def scene_rows() -> Callable[..., Iterator[dict[str, Any]]]:
    """Return a function that yields the gold rows of synthetic scenes, their images not drawn."""

    def rows(
        scenes: int, *, seed: int, tasks: tuple[int, ...] = (1, 2, 3)
    ) -> Iterator[dict[str, Any]]:
        for number, scene in enumerate(sample_scenes(scenes, seed=seed)):
            references = {1: (), 2: scene.captions[:1], 3: scene.descriptions}
            for task in tasks:
                yield GoldRow(
                    f"{seed}-{number}",
                    f"{seed}-{number}.jpg",
                    task,
                    scene.subject.tag,
                    scene.object.tag,
                    scene.subject.box,
                    scene.object.box,
                    (scene.relation,),
                    references[task],
                ).to_dict()

    return rows


@pytest.fixture
def write_run(tmp_path: Path, weights: Path) -> Callable[..., Path]:
    """Return a function that writes what ``finetune`` leaves; facts go over its run.json."""

    def write(name: str = "runs/one", **facts: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        for file in ("adapter_config.json", "adapter_model.safetensors"):
            (folder / file).write_bytes((weights / file).read_bytes())
        TrainedRun(
            folder=folder,
            base="tiny",
            image_mode="single",
            template=load_template("paper"),
            conversation=load_conversation("vicuna_v1"),
            training_images=frozenset({"0.png", "2.png", "9.png"}),
        ).write(Manifest("finetune", settings={}), inputs=[])
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        (folder / "run.json").write_text(json.dumps(run | facts), encoding="utf-8")
        return folder

    return write


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter of the tiny base whose weights are not zero, as peft saves it."""
    import torch
    from peft import LoraConfig, get_peft_model

    from vsdkit.model.checkpoint import load_base
    from vsdkit.model.precision import choose_precision

    loaded = load_base("tiny", image_mode="single", precision=choose_precision("cpu"))
    torch.manual_seed(0)
    config = LoraConfig(
        r=2,
        lora_alpha=4,
        target_modules=loaded.family.lora_targets,
        init_lora_weights=False,
    )
    folder = tmp_path_factory.mktemp("weights")
    # A deprecation inside PEFT, of no concern to the code under test.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
        get_peft_model(loaded.model, config).save_pretrained(folder)
    return folder


@pytest.fixture
def short_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few tokens an answer: an untrained model never stops by itself."""
    lengths = {1: 4, 2: 6, 3: 8}
    monkeypatch.setattr("vsdkit.model.answerer.MAX_NEW_TOKENS", lengths)
    monkeypatch.setattr("vsdkit.infer.server.MAX_NEW_TOKENS", lengths)


@pytest.fixture
def ask(scenes: Scenes, tmp_path: Path, short_answers: None) -> Callable[..., InferReport]:
    """Run infer on the scenes; settings go over the tiny base and a temporary output."""

    def run(**settings: Any) -> InferReport:
        listener = settings.pop("listener", None)
        given: dict[str, Any] = {"items": scenes.items, "images": (scenes.images,)}
        given |= {"output": tmp_path / "preds.jsonl"} | settings
        if not {"base", "adapter"} & set(settings):
            given["base"] = "tiny"
        more = {} if listener is None else {"listener": listener}
        return infer(InferSettings(**given), **more)

    return run


@pytest.fixture(scope="session")
def loaded_describer() -> Describer:
    """The tiny base, which has not learnt to describe."""
    return vsdkit.load("tiny", image_mode="single")


@pytest.fixture
def describer(loaded_describer: Describer, short_answers: None) -> Describer:
    """The tiny base with answers of a few tokens."""
    return loaded_describer


@pytest.fixture
def photo(scenes: Scenes) -> Path:
    """A photograph of a red box above a blue ball, 128 pixels high and wide."""
    return scenes.images / "below" / "1.png"
