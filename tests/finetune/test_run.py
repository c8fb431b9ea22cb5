"""Whole runs on the tiny base through the deepspeed launcher, and what the parent makes of them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from PIL import Image

from vsdkit.errors import (
    CheckpointError,
    ChildFailedError,
    ConfigError,
    DataError,
    MissingInputError,
    VsdkitError,
)
from vsdkit.finetune import FinetuneReport, finetune
from vsdkit.finetune.folder import open_run
from vsdkit.finetune.job import Job
from vsdkit.launch import Launch, launcher
from vsdkit.manifest import hash_file, read_manifest
from vsdkit.settings.finetune import FinetuneSettings

FILES = {
    ".lock",
    "README.md",
    "adapter_config.json",
    "adapter_model.safetensors",
    "conversation.yaml",
    "job.json",
    "loss.png",
    "metrics.jsonl",
    "run.json",
    "template.yaml",
    "train.log",
    "training_images.txt",
}


class Heard:
    """A listener that remembers, and does something as steps come in."""

    def __init__(self, on_step: Callable[[int], None] = lambda step: None) -> None:
        self.messages: list[str] = []
        self.steps = 0
        self.facts: dict[str, Any] = {}
        self._on_step = on_step
        self._training = False

    def message(self, text: str) -> None:
        self.messages.append(text)

    @contextmanager
    def track(self, description: str, *, total: int | None) -> Iterator[Heard]:
        self._training = description == "fine-tuning"
        yield self

    def advance(self, steps: int = 1, **facts: Any) -> None:
        if self._training:
            self.steps += steps
            self.facts = facts
            self._on_step(self.steps)


def _losses(folder: Path) -> list[float]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def _tokens(folder: Path) -> list[float]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row["tokens_per_second"] * row["seconds"] for row in rows]


@pytest.fixture(scope="module")
def scenes(
    tmp_path_factory: pytest.TempPathFactory, write_scenes: Callable[[Path], FinetuneSettings]
) -> FinetuneSettings:
    settings = write_scenes(tmp_path_factory.mktemp("scenes"))
    # Twelve steps of four epochs: the third of each is filled up.
    return settings.model_copy(update={"max_steps": 12})


@pytest.fixture(scope="module")
def one(scenes: FinetuneSettings) -> tuple[FinetuneReport, Heard]:
    heard = Heard()
    settings = scenes.model_copy(update={"name": "one", "plots": scenes.runs.parent / "plots"})
    return finetune(settings, listener=heard, origins={"seed": "flag"}), heard


@pytest.mark.slow
def test_run_leaves_an_adapter_and_its_record(one: tuple[FinetuneReport, Heard]) -> None:
    report, heard = one
    assert {path.name for path in report.folder.iterdir()} == FILES
    record = read_manifest(report.folder / "run.json")
    expected = {
        "command": "finetune",
        "complete": True,
        "base": "tiny",
        "image_mode": "single",
        "precision": "float32",
        "template": "paper",
        "conversation": "vicuna_v1",
        "seed": 0,
        "rows": 20,
        "pictures": 8,
        "steps": 12,
        "processes": 1,
        "lora_modules": report.plan.lora_modules,
        "origins": {"seed": "flag"},
        "last_loss": report.last_loss,
    }
    assert {name: record[name] for name in expected} == expected
    weights = report.folder / "adapter_model.safetensors"
    assert record["outputs"][str(weights)] == hash_file(weights)
    assert record["versions"]["torch"]
    pictures = (report.folder / "training_images.txt").read_text().splitlines()
    assert pictures == [f"{number}.png" for number in range(8)]
    assert (report.folder / "template.yaml").read_text() == record["template_text"]
    assert "vicuna_v1" in (report.folder / "conversation.yaml").read_text()
    assert (report.folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    plots = report.folder.parents[1] / "plots"
    assert {path.name for path in plots.iterdir()} == {"loss.svg", "loss.png"}
    assert heard.messages[-1] == f"wrote {plots / 'loss.png'}"
    assert heard.steps == 12
    assert heard.facts["loss"] == report.last_loss
    assert heard.facts["tokens/s"] > 0
    assert heard.facts["left"] == "0:00:00"
    summary, merge, serve = (note for note in report.notes() if note)
    assert summary == record["summary"]
    assert merge.endswith(f"vsdkit merge {report.folder}")
    assert serve.startswith("serve the adapter: not possible: image mode single")
    assert any("--module vsdkit.finetune.worker" in text for text in heard.messages)
    assert any("trainable parameters" in text for text in heard.messages)


def test_each_step_has_its_numbers(one: tuple[FinetuneReport, Heard]) -> None:
    lines = (one[0].folder / "metrics.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    for row in rows:
        assert set(row) == {
            "step",
            "epoch",
            "loss",
            "learning_rate",
            "gradient_norm",
            "seconds",
            "tokens_per_second",
            "rows_per_second",
            "padding",
            "memory_gib",
            "remaining_seconds",
        }
        # The third step of an epoch has the four rows that are left of twenty.
        rows_trained = 4 if row["step"] % 3 == 0 else 8
        assert row["rows_per_second"] * row["seconds"] == pytest.approx(rows_trained, rel=0.01)
        assert 0 <= row["padding"] < 0.5
        assert 0.1 < row["memory_gib"] < 16
    assert rows[0]["remaining_seconds"] > rows[-1]["remaining_seconds"] == 0


def test_loss_falls(one: tuple[FinetuneReport, Heard]) -> None:
    losses = _losses(one[0].folder)
    assert losses[-1] < losses[0] - 1


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
def test_plain_peft_loads_the_adapter(one: tuple[FinetuneReport, Heard]) -> None:
    from peft import PeftModel
    from safetensors.torch import load_file
    from transformers import LlavaNextForConditionalGeneration

    from vsdkit.model.bases import tiny_base_path

    base = LlavaNextForConditionalGeneration.from_pretrained(tiny_base_path())
    model = PeftModel.from_pretrained(base, str(one[0].folder))
    stored = load_file(one[0].folder / "adapter_model.safetensors")
    held = dict(model.named_parameters())
    assert sum(weight.numel() for weight in stored.values()) == one[0].plan.trainable_parameters
    for name, weight in stored.items():
        assert "language_model" in name
        place = name.replace(".lora_A.", ".lora_A.default.").replace(".lora_B.", ".lora_B.default.")
        torch.testing.assert_close(held[place].data, weight)
        assert weight.abs().sum() > 0


def _words(process: psutil.Process) -> list[str]:
    # Another test's process that has ended and was not asked how has none.
    return [] if process.status() == psutil.STATUS_ZOMBIE else process.cmdline()


@pytest.mark.slow
def test_killed_run_goes_on_and_two_processes_learn_what_one_learns(
    scenes: FinetuneSettings, one: tuple[FinetuneReport, Heard], monkeypatch: pytest.MonkeyPatch
) -> None:
    family: list[psutil.Process] = []

    def kill_the_launcher(step: int) -> None:
        if step >= 5 and not family:
            # Beside it the process may stand that other tests fork theirs from.
            launcher = next(p for p in psutil.Process().children() if "--module" in _words(p))
            family.extend([launcher, *launcher.children(recursive=True)])
            # The launcher's own child: the launcher then returns 0, as if all were well.
            spawner = next(p for p in family if "deepspeed.launcher.launch" in _words(p))
            spawner.kill()

    settings = scenes.model_copy(update={"name": "two", "gpus": 2})
    with pytest.raises(ChildFailedError) as raised:
        finetune(settings, listener=Heard(kill_the_launcher))
    assert "train.log, after step " in raised.value.where
    # Of the second step or later, as fast as the kill was.
    assert re.search(r"last checkpoint, step (\d+) \(checkpoint-\1\)", raised.value.hint)
    assert len(family) >= 4
    assert not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in family)

    # The images are as they were: they are not opened a second time.
    monkeypatch.setattr("vsdkit.data.images.file.open_image", None)
    report = finetune(settings)
    assert report.resumed_from
    assert report.resumed_from >= 4
    assert {path.name for path in report.folder.iterdir()} == FILES
    assert (report.plan.per_device_batch_size, report.plan.processes) == (4, 2)
    assert _losses(report.folder) == pytest.approx(_losses(one[0].folder), abs=1e-5)
    # Two processes count what one counts; rates are rounded.
    assert _tokens(report.folder) == pytest.approx(_tokens(one[0].folder), rel=0.01)


def test_complete_run_is_not_trained_again(
    scenes: FinetuneSettings, one: tuple[FinetuneReport, Heard], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Launch, "run", None)
    heard = Heard()
    report = finetune(scenes.model_copy(update={"name": "one"}), listener=heard)
    assert report.was_complete
    assert report.last_loss == one[0].last_loss
    assert f"complete already: {report.folder}" in heard.messages
    with pytest.raises(ConfigError, match="lora_rank was '4', is '5'"):
        finetune(scenes.model_copy(update={"name": "one", "lora_rank": 5}))


def test_complete_run_is_drawn_if_that_is_asked_for_and_told_if_it_cannot_be(
    scenes: FinetuneSettings,
    one: tuple[FinetuneReport, Heard],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Launch, "run", None)
    heard = Heard()
    settings = scenes.model_copy(update={"name": "one", "plots": tmp_path / "plots"})
    assert not finetune(settings, listener=heard).failures
    written = [tmp_path / "plots" / f"loss.{kind}" for kind in ("svg", "png")]
    assert sorted((tmp_path / "plots").iterdir()) == sorted(written)
    assert heard.messages[-2:] == [f"wrote {path}" for path in written]
    written[0].unlink()
    written[0].mkdir()
    report = finetune(settings)
    assert report.was_complete
    assert [str(failure.where) for failure in report.failures] == [str(written[0])]


def test_dry_run_trains_nothing(settings: FinetuneSettings) -> None:
    report = finetune(settings.model_copy(update={"dry_run": True, "name": None}))
    found = report.to_dict()
    assert {
        "rows": 20,
        "steps": 6,
        "warmup_steps": 1,
        "global_batch_size": 8,
        "per_device_batch_size": 8,
        "accumulation": 1,
    }.items() <= found.items()
    assert found["tokens"]["rows"] > found["tokens"]["pictures"] > 0
    assert found["tokens"]["longest"] * 20 >= found["tokens"]["rows"]
    assert "--module vsdkit.finetune.worker" in found["command"]
    assert report.folder.name.startswith("tiny-single-")
    assert not settings.runs.exists()


def test_unknown_base_is_named(settings: FinetuneSettings) -> None:
    with pytest.raises(CheckpointError, match="no such base model"):
        finetune(settings.model_copy(update={"base": "./nowhere"}))


def test_batch_that_does_not_divide(settings: FinetuneSettings) -> None:
    with pytest.raises(ConfigError, match="global batch of 8 rows does not divide by 3"):
        finetune(settings.model_copy(update={"gpus": 3}))


def test_fp16_on_the_cpu_is_refused(settings: FinetuneSettings) -> None:
    with pytest.raises(ConfigError, match="fp16 does not run on the CPU"):
        finetune(settings.model_copy(update={"precision": "fp16"}))


def _stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Put a script where the launcher is looked up, that leaves what failed processes leave."""
    script = tmp_path / "launcher"
    head = "import json, pathlib, sys\nfolder = pathlib.Path(sys.argv[-1]).parent\n"
    script.write_text(f"#!{sys.executable}\n{head}{code}\n")
    script.chmod(0o755)
    monkeypatch.setattr(launcher, "launcher_path", lambda: str(script))


def test_an_older_run_is_removed_only_when_the_new_one_can_begin(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stand_in(tmp_path, monkeypatch, "")
    with pytest.raises(ChildFailedError):
        finetune(settings)
    (settings.runs / "run" / "adapter_model.safetensors").touch()
    image = tmp_path / "pictures" / "below" / "3.png"
    whole = image.read_bytes()
    image.write_bytes(whole[:50])
    settings = settings.model_copy(update={"seed": 1, "overwrite": True})
    with pytest.raises(DataError, match="1 of 8 pictures do not open"):
        finetune(settings)
    assert (settings.runs / "run" / "adapter_model.safetensors").exists()
    image.write_bytes(whole)
    with pytest.raises(ChildFailedError):
        finetune(settings)
    assert not (settings.runs / "run" / "adapter_model.safetensors").exists()
    assert Job.read(settings.runs / "run" / "job.json").identity["seed"] == 1


def test_missing_launcher(settings: FinetuneSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise MissingInputError("the deepspeed launcher is not installed")

    monkeypatch.setattr(launcher, "launcher_path", missing)
    with pytest.raises(MissingInputError, match="launcher is not installed"):
        finetune(settings)


def test_a_run_that_had_no_room_to_begin_can_begin_later(
    settings: FinetuneSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_: Job) -> None:
        raise VsdkitError("cannot write: No space left on device")

    settings = settings.model_copy(update={"name": "later"})
    monkeypatch.setattr(Job, "write", no_room)
    with pytest.raises(VsdkitError, match="No space left"):
        finetune(settings)
    with open_run(settings.runs / "later", identity={}, overwrite=False) as beginning:
        assert (beginning.complete, beginning.step) == (False, 0)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def _begun(settings: FinetuneSettings, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Job]:
    """Return the folder and the job of a run whose launcher fails at once."""
    monkeypatch.setattr(Launch, "run", lambda *_, **__: 1)
    with pytest.raises(ChildFailedError):
        finetune(settings)
    folder = settings.runs / "run"
    return folder, Job.read(folder / "job.json")


def test_changed_images_are_another_run(
    settings: FinetuneSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither complete already nor gone on with."""
    folder, job = _begun(settings, monkeypatch)
    assert sorted(job.images) == [f"{n}.png" for n in range(8)]
    pictures = settings.images[0] / "below"
    Image.new("RGB", (50, 50), "red").save(pictures / "3.png")
    for complete in (False, True):
        if complete:
            facts = {"identity": job.identity, "complete": True, "last_loss": 1.0}
            (folder / "run.json").write_text(json.dumps(facts))
        with pytest.raises(ConfigError, match=r"made otherwise: images was '\w+\.\.\.', is") as e:
            finetune(settings)
        assert e.value.hint.startswith("1 pictures have changed: 3.png; ")
    # Moved, and the old content back: the same run.
    Image.new("RGB", (52, 48), (90, 80, 120)).save(pictures / "3.png")
    settings.images[0].rename(settings.runs.parent / "moved")
    moved = settings.model_copy(update={"images": (settings.runs.parent / "moved",)})
    assert finetune(moved).was_complete


def test_a_complete_run_does_not_open_images_again(
    settings: FinetuneSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, job = _begun(settings, monkeypatch)
    facts = {"identity": job.identity, "complete": True, "last_loss": 1.0}
    (folder / "run.json").write_text(json.dumps(facts))
    monkeypatch.setattr("vsdkit.data.images.file.open_image", None)
    assert finetune(settings).was_complete


def test_rows_of_broken_images_are_left_out_and_the_run_says_so(
    settings: FinetuneSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Launch, "run", lambda *_, **__: 1)
    pictures = settings.images[0] / "below"
    _cut(pictures / "1.png")
    (pictures / "6.png").write_bytes(b"")
    rejects = tmp_path / "rejects.jsonl"
    with pytest.raises(DataError, match="2 of 8 pictures do not open"):
        finetune(settings.model_copy(update={"rejects": rejects}))
    listed = [json.loads(line)["image"] for line in rejects.read_text().splitlines()]
    assert listed == ["1.png", "6.png"]
    skipping = settings.model_copy(update={"skip_broken": True})
    heard = Heard()
    dry = finetune(skipping.model_copy(update={"dry_run": True}), listener=heard)
    assert "2 pictures do not open: their 5 rows are left out" in heard.messages
    assert (dry.plan.rows, dry.plan.pictures, dry.plan.steps) == (15, 6, 4)
    assert dry.tokens.pictures == 15 * 17, "17 tokens an image of the tiny base"
    with pytest.raises(ChildFailedError):
        finetune(skipping)
    job = Job.read(settings.runs / "run" / "job.json")
    assert job.identity["left_out_images"] == ["1.png", "6.png"]
    # Rows take the images in turn, eight of them.
    assert job.left_out_rows == [1, 6, 9, 14, 17]
    assert job.plan["rows"] == 15
    Image.new("RGB", (44, 48)).save(pictures / "1.png")
    with pytest.raises(ConfigError, match="left_out_images was"):
        finetune(skipping)


@pytest.mark.slow
def test_a_run_trains_on_the_rows_that_are_left(settings: FinetuneSettings) -> None:
    _cut(settings.images[0] / "below" / "2.png")
    report = finetune(settings.model_copy(update={"skip_broken": True, "epochs": 1}))
    run = json.loads((report.folder / "run.json").read_text())
    assert (run["rows"], run["identity"]["left_out_images"]) == (17, ["2.png"])
    assert "2.png" not in (report.folder / "training_images.txt").read_text().split()
