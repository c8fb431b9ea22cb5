"""A dry run: of machines that are not here, without images, and on this one."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from vsdkit.cli.output import Output
from vsdkit.errors import ConfigError, DataError, MissingInputError
from vsdkit.finetune import DryRunReport, finetune
from vsdkit.launch import launcher
from vsdkit.model.bases import DEFAULT_BASE
from vsdkit.settings.finetune import FinetuneSettings


def _dry(settings: FinetuneSettings, **changes: object) -> DryRunReport:
    changed = settings.model_dump() | {"dry_run": True, "name": None, "save_steps": None} | changes
    report = finetune(FinetuneSettings.model_validate(changed), origins={"gpus": "flag"})
    assert isinstance(report, DryRunReport)
    return report


@pytest.fixture
def vicuna(settings: FinetuneSettings) -> FinetuneSettings:
    """The paper's settings, and neither weights nor images."""
    return FinetuneSettings(
        instructions=settings.instructions,
        images=(settings.images[0] / "nowhere",),
        runs=settings.runs,
        image_mode="single",
        batching="rows",
    )


def test_eight_v100_of_32_gb(vicuna: FinetuneSettings) -> None:
    report = _dry(vicuna, gpu="v100-32gb", gpus=8)
    found = report.to_dict()
    assert (found["lora_modules"], found["trainable_parameters"]) == (280, 500_695_040)
    assert (found["per_device_batch_size"], found["accumulation"], found["zero_stage"]) == (
        16,
        1,
        3,
    )
    assert found["machine"]["precision"] == "float16"
    memory = found["memory"]
    assert memory["fits"] is True
    assert memory["of_zero_stage"]["2"]["fits"] is False
    assert memory["of_zero_stage"]["3"]["weights_bytes"] == pytest.approx(3.46e9, rel=0.01)
    assert "include localhost:0,1,2,3,4,5,6,7" in found["command"]
    assert found["settings"]["gpus"] == {"value": 8, "origin": "flag"}
    assert found["settings"]["lora_rank"]["origin"] == "default"
    assert found["tokens"]["exact"] is False
    assert found["time"]["hours_least"] < found["time"]["hours_most"]
    assert json.dumps(found)


def test_one_h100_and_eight(vicuna: FinetuneSettings) -> None:
    one = _dry(vicuna, gpu="h100", gpus=1)
    assert (one.plan.zero_stage, one.plan.accumulation, one.memory.fits) == (2, 8, True)
    assert one.precision.dtype_name == "bfloat16"
    eight = _dry(vicuna, gpu="h100", gpus=8)
    assert eight.plan.zero_stage == 3
    assert "--zero-stage 2 is faster" in eight.memory.verdict()


def test_what_does_not_fit_is_told_with_the_flags_that_make_it_fit(
    vicuna: FinetuneSettings,
) -> None:
    report = _dry(vicuna, gpu="v100-16gb", gpus=8)
    assert report.memory.fits is False
    assert report.memory.change is not None
    assert report.memory.change.flags == ["--per-device-batch-size 8"]
    changed = _dry(vicuna, gpu="v100-16gb", gpus=8, per_device_batch_size=8)
    assert changed.memory.fits
    needed = changed.memory.of_stage[3].needed
    assert needed == report.memory.change.memory.needed
    alone = _dry(vicuna, gpu="v100-32gb", gpus=1, image_mode="anyres")
    assert alone.memory.change is not None
    assert alone.memory.change.flags == ["--load-in 4bit"]


def test_it_reads_well_in_a_terminal_of_80_columns(
    vicuna: FinetuneSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsdkit.cli.output._PIPE_WIDTH", 80)
    text = io.StringIO()
    with redirect_stdout(text):
        Output().show(_dry(vicuna, gpu="v100-32gb", gpus=8))
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    heads = ("Run", "Tokens a row", "GB a GPU", "Does it fit?", "Disk", "Time", "Command")
    for head in heads:
        assert any(line.startswith(head) for line in lines), head
    whole = " ".join(text.getvalue().split())
    assert "128 rows = 16 a device x 1 accumulated x 8 processes" in whole
    assert "<image> x 577" in whole
    assert "the right of the ball.</s><<<" in whole


def test_on_this_machine_without_gpus(settings: FinetuneSettings) -> None:
    report = _dry(settings)
    found = report.to_dict()
    assert found["machine"]["device"] == "CPU"
    assert (found["memory"]["fits"], found["tokens"]["exact"]) == (True, True)
    assert found["time"]["hours_least"] is None
    assert "no peak is known for CPU" in " ".join(map(str, report.tables()[6].rows[0]))
    assert found["first_rows"][0]["trained"].strip().endswith("of the ball.</s>")
    assert found["disk"][0]["needed_bytes"] == 0, "the tiny base is here"


def test_13b_does_not_fit_a_small_cpu(
    vicuna: FinetuneSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sysconf", lambda name: 1 if name == "SC_PAGE_SIZE" else 8_000_000_000)
    report = _dry(vicuna)
    assert report.memory.fits is False
    assert report.memory.change is None
    assert "no setting makes it fit" in report.memory.verdict()


def test_gpus_that_cannot_be_asked(
    vicuna: FinetuneSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setenv("PATH", str(tmp_path))
    report = _dry(vicuna)
    assert report.plan.processes == 2
    assert report.memory.fits is None
    assert "name it with --gpu" in report.memory.verdict()
    assert report.hours is None


def test_a_gpu_is_named_for_planning_only(settings: FinetuneSettings) -> None:
    with pytest.raises(ValueError, match="--gpu names a GPU to plan for, and needs --dry-run"):
        FinetuneSettings(gpu="h100")
    with pytest.raises(ConfigError, match="unknown GPU 'h1000'"):
        _dry(settings, gpu="h1000")
    with pytest.raises(ConfigError, match="has no bf16"):
        _dry(settings, gpu="v100-32gb", precision="bf16")


def test_images_and_launcher_may_be_absent_from_a_dry_run_alone(
    settings: FinetuneSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> str:
        raise MissingInputError("the deepspeed launcher is not installed")

    monkeypatch.setattr(launcher, "launcher_path", missing)
    (settings.images[0] / "below" / "3.png").unlink()
    report = _dry(settings)
    assert report.command.startswith("deepspeed --num_gpus 1")
    # One tile takes as many tokens whatever the size.
    assert (report.tokens.absent_images, report.tokens.assumptions) == (1, [])
    assert (report.plan.rows, report.plan.pictures) == (20, 8)
    with pytest.raises(MissingInputError, match=r"1 of 8 pictures not found: 3\.png"):
        finetune(settings)
    # A list of everything that is missing is made in a dry run too.
    with pytest.raises(MissingInputError, match="1 of 8 pictures not found"):
        _dry(settings, rejects=settings.runs.parent / "rejects.jsonl")


def test_a_row_that_cannot_be_trained_is_named(settings: FinetuneSettings) -> None:
    text = settings.instructions.read_text()
    settings.instructions.write_text(text.replace("from ball 7", "from <pad> 7"))
    with pytest.raises(DataError, match="'<pad>' is a special token") as raised:
        _dry(settings)
    assert "id 'row-7'" in raised.value.where


def test_the_default_base_is_planned_without_network(vicuna: FinetuneSettings) -> None:
    assert vicuna.base == DEFAULT_BASE
    anyres = _dry(vicuna, gpu="h200", gpus=1, image_mode="anyres")
    assert anyres.tokens.pictures == 20 * 2_340
