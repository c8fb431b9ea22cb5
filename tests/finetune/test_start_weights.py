"""A run that begins from another adapter's weights: what is refused, and what the model gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from vsdkit.errors import CheckpointError, ConfigError
from vsdkit.finetune import finetune
from vsdkit.finetune.plan import make_plan
from vsdkit.finetune.start_weights import StartWeights, find_start, put_start_weights
from vsdkit.finetune.train import add_lora
from vsdkit.finetune.trainer import save_adapter
from vsdkit.model.bases import check_base
from vsdkit.model.checkpoint import load_base
from vsdkit.model.precision import choose_precision
from vsdkit.settings.finetune import FinetuneSettings

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing")

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def _model(settings: FinetuneSettings) -> Any:
    plan = make_plan(settings, rows=20, pictures=8, visible_gpus=0, config=check_base("tiny"))
    loaded = load_base("tiny", image_mode="single", precision=choose_precision("cpu"))
    return add_lora(loaded, settings, plan)


def _save(settings: FinetuneSettings, folder: Path) -> Path:
    """Save an adapter of random weights, such as no new run begins with."""
    model = _model(settings)
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.uniform_(-0.02, 0.02)
    save_adapter(model, folder, sharded=False)
    return folder


@pytest.fixture
def source(settings: FinetuneSettings, tmp_path: Path) -> Path:
    return _save(settings, tmp_path / "before")


def _with(settings: FinetuneSettings, **changes: Any) -> FinetuneSettings:
    return settings.model_copy(update=changes)


def _find(settings: FinetuneSettings, source: Path, **changes: Any) -> StartWeights | None:
    return find_start(_with(settings, resume_from=source, **changes), check_base("tiny"))


def test_nothing_named_begins_anew(settings: FinetuneSettings) -> None:
    assert find_start(settings, check_base("tiny")) is None


def test_the_model_gets_the_weights_of_the_file(settings: FinetuneSettings, source: Path) -> None:
    start = _find(settings, source)
    assert start is not None
    assert (start.folder, len(start.sha256)) == (source, 64)
    model = _model(settings)
    put_start_weights(model, None)
    fresh = {name: weight.clone() for name, weight in model.named_parameters()}
    put_start_weights(model, source)
    save_adapter(model, source.parent / "after", sharded=False)
    before, after = (load_file(folder / WEIGHTS) for folder in (source, source.parent / "after"))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    for name, weight in model.named_parameters():
        assert torch.equal(weight, fresh[name]) != weight.requires_grad


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        ({"lora_rank": 16}, "lora_rank is 16, .* begin from is 4", "--lora-rank 4"),
        ({"lora_alpha": 16}, "lora_alpha is 16, .* begin from is 8", "--lora-alpha 8"),
        ({"train_projector": True}, "no trained projector", "leave --train-projector out"),
    ],
)
def test_other_lora_settings_are_refused_with_the_flag(
    settings: FinetuneSettings, source: Path, changes: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        _find(settings, source, **changes)
    assert (caught.value.where, caught.value.hint) == (str(source), hint)


def test_a_trained_projector_needs_its_flag(settings: FinetuneSettings, tmp_path: Path) -> None:
    source = _save(_with(settings, train_projector=True), tmp_path / "before")
    with pytest.raises(ConfigError, match="has a trained projector") as caught:
        _find(settings, source)
    assert caught.value.hint == "--train-projector"
    assert _find(settings, source, train_projector=True)


def test_an_adapter_of_other_layers_or_shapes_is_refused(
    settings: FinetuneSettings, source: Path
) -> None:
    weights = load_file(source / WEIGHTS)
    first, second = sorted(weights)[:2]
    save_file({**weights, first: weights[first][:, :3].contiguous()}, source / WEIGHTS)
    with pytest.raises(CheckpointError, match=rf"1 have other shapes \(first: {first}\)"):
        _find(settings, source)
    weights["other.lora_A.weight"] = weights.pop(second)
    save_file(weights, source / WEIGHTS)
    with pytest.raises(CheckpointError, match="1 of its weights have no place, 1 places got no"):
        _find(settings, source)


@pytest.mark.parametrize("kind", ["use_rslora", "use_dora"])
def test_other_kinds_of_lora_are_refused(
    settings: FinetuneSettings, source: Path, kind: str
) -> None:
    config = json.loads((source / CONFIG).read_text())
    (source / CONFIG).write_text(json.dumps(config | {kind: True}))
    with pytest.raises(CheckpointError, match=f"no plain LoRA .{kind}"):
        _find(settings, source)


def test_a_folder_without_adapter_is_told_and_a_stopped_run_names_its_checkpoint(
    settings: FinetuneSettings, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match="no such folder"):
        _find(settings, tmp_path / "nowhere")
    checkpoint = tmp_path / "stopped" / "checkpoints" / "checkpoint-4"
    checkpoint.parent.mkdir(parents=True)
    source.rename(checkpoint)
    (checkpoint / "whole").touch()
    with pytest.raises(CheckpointError, match="has not ended") as caught:
        _find(settings, tmp_path / "stopped")
    assert caught.value.hint.endswith(f"--resume-from {checkpoint}")
    assert _find(settings, checkpoint)


def test_an_adapter_of_another_base_is_told(settings: FinetuneSettings, source: Path) -> None:
    told: list[str] = []

    class Heard:
        def message(self, text: str) -> None:
            told.append(text)

    config = json.loads((source / CONFIG).read_text())
    (source / CONFIG).write_text(json.dumps(config | {"base_model_name_or_path": "old/base"}))
    wanted = _with(settings, resume_from=source)
    assert find_start(wanted, check_base("tiny"), listener=Heard())  # type: ignore[arg-type]
    assert told == [
        f"the adapter of {source} was trained on old/base, not tiny",
        f"beginning from the weights of {source}",
    ]


def test_an_adapter_that_changed_after_the_plan_is_refused(
    settings: FinetuneSettings, source: Path
) -> None:
    weights = load_file(source / WEIGHTS)
    weights.pop(sorted(weights)[0])
    save_file(weights, source / WEIGHTS)
    with pytest.raises(CheckpointError, match="has changed since the run was planned"):
        put_start_weights(_model(settings), source)


def test_a_run_does_not_begin_from_itself(settings: FinetuneSettings, tmp_path: Path) -> None:
    run = _save(settings, settings.runs / "run")
    again = _with(settings, resume_from=run, overwrite=True)
    with pytest.raises(ConfigError, match="cannot begin from its own weights"):
        finetune(again)
    assert (run / WEIGHTS).is_file()
    elsewhere = StartWeights(run, "")
    elsewhere.refuse_within(settings.runs / "other")
    checkpoint = StartWeights(run / "checkpoints" / "checkpoint-2", "")
    with pytest.raises(ConfigError, match="its own weights"):
        checkpoint.refuse_within(run)


def test_other_weights_are_another_run(settings: FinetuneSettings, source: Path) -> None:
    names = []
    for changes in ({"resume_from": None}, {"resume_from": source}, {"max_rows": 9}):
        dry = finetune(_with(settings, name=None, dry_run=True, **changes))
        names.append(dry.folder.name)
        assert dry.plan.rows == changes.get("max_rows", 20)
    weights = load_file(source / WEIGHTS)
    save_file({name: 2 * weight for name, weight in weights.items()}, source / WEIGHTS)
    names.append(finetune(_with(settings, name=None, dry_run=True, resume_from=source)).folder.name)
    assert len(set(names)) == 4


_CUT_UP = """
from pathlib import Path
make = training.deepspeed_config
def config(*args, **kwargs):
    made = make(*args, **kwargs)
    if made["zero_optimization"]["stage"] == 3:
        # The tiny base's tensors are so small that none would be cut up.
        made["zero_optimization"]["stage3_param_persistence_threshold"] = 0
    return made
training.deepspeed_config = config
put = training.put_start_weights
def noted(model, folder):
    put(model, folder)
    empty = {{one.requires_grad for one in model.parameters() if not one.numel()}}
    Path({noted!r}).write_text(str(empty))
training.put_start_weights = noted
"""


@pytest.mark.usefixtures("forked")
@pytest.mark.slow
@pytest.mark.parametrize("stage", [2, 3])
def test_two_processes_begin_from_the_weights_at_every_stage(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: int
) -> None:
    head = "import vsdkit.finetune.train as training\nfrom vsdkit.finetune import worker\n"
    code = _CUT_UP.format(noted=str(tmp_path / "noted"))
    (tmp_path / "altered_worker.py").write_text(f"{head}{code}\nworker.main()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("vsdkit.finetune.machines._WORKER", "altered_worker")
    # One step that changes nothing worth speaking of, on the first rows alone; the launcher gets
    # a word of ours.
    changes = {
        "gpus": 2,
        "zero_stage": stage,
        "train_projector": True,
        "learning_rate": 1e-12,
        "projector_learning_rate": 1e-12,
        "warmup_ratio": 0.0,
        "max_rows": 9,
        "max_steps": 1,
        "deepspeed_args": ("--log_level", "debug"),
    }
    source = _save(_with(settings, train_projector=True), tmp_path / "before")
    report = finetune(_with(settings, resume_from=source, **changes))
    assert report.plan.rows == 9
    assert "--log_level debug --no_local_rank" in report.command
    # At stage 3 what is frozen was cut up by then, and nothing that trains.
    assert (tmp_path / "noted").read_text() == ("{False}" if stage == 3 else "set()")
    before, after = load_file(source / WEIGHTS), load_file(report.folder / WEIGHTS)
    assert before.keys() == after.keys()
    for name, weight in before.items():
        torch.testing.assert_close(after[name], weight, rtol=0, atol=1e-9)
    record = json.loads((report.folder / "run.json").read_text())
    start = _find(_with(settings, train_projector=True), source)
    assert start is not None
    assert record["identity"]["resume_from"] == start.sha256
    assert (record["identity"]["max_rows"], record["rows"]) == (9, 9)
    assert "deepspeed_args" not in record["identity"]
