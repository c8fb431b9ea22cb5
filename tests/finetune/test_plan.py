"""The numbers that follow from the settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlavaNextConfig

from vsdkit.errors import ConfigError
from vsdkit.finetune.plan import Batches, divide_batches, make_plan, plan_fewer
from vsdkit.model.bases import check_base
from vsdkit.settings.finetune import FinetuneSettings
from vsdkit.settings.resolve import profile_names, resolve


@pytest.fixture(scope="module")
def vicuna_13b() -> LlavaNextConfig:
    """The shape of llava-hf/llava-v1.6-vicuna-13b-hf, as its config.json gives it."""
    return LlavaNextConfig(
        text_config={
            "model_type": "llama",
            "hidden_size": 5120,
            "intermediate_size": 13824,
            "num_hidden_layers": 40,
            "num_attention_heads": 40,
            "num_key_value_heads": 40,
            "max_position_embeddings": 4096,
            "vocab_size": 32064,
        },
        vision_config={
            "model_type": "clip_vision_model",
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "image_size": 336,
            "patch_size": 14,
            "projection_dim": 768,
        },
    )


def test_paper_settings_on_the_meta_device(vicuna_13b: LlavaNextConfig) -> None:
    settings, _ = resolve(FinetuneSettings, flags={}, profile="paper")
    # 121,339 rows about 20,490 pictures: the paper's numbers of the training split.
    plan = make_plan(settings, rows=121_339, pictures=20_490, visible_gpus=8, config=vicuna_13b)
    assert (plan.steps, plan.warmup_steps) == (948, 29)
    assert (plan.per_device_batch_size, plan.accumulation, plan.zero_stage) == (16, 1, 3)
    # 40 layers x 7 projections; rank 128 x the sum of their sides, counted by hand.
    assert (plan.lora_modules, plan.trainable_parameters) == (280, 500_695_040)


@pytest.mark.parametrize("profile", profile_names())
@pytest.mark.parametrize("gpus", [1, 8])
def test_every_shipped_profile_makes_a_plan(
    profile: str, gpus: int, vicuna_13b: LlavaNextConfig
) -> None:
    settings, _ = resolve(FinetuneSettings, flags={}, profile=profile)
    config = check_base("tiny") if settings.base == "tiny" else vicuna_13b
    plan = make_plan(settings, rows=121_339, pictures=20_490, visible_gpus=gpus, config=config)
    batch = plan.per_device_batch_size * plan.accumulation * plan.processes
    assert batch == settings.global_batch_size


# What docs/finetuning.md says of 13B with one row of one tile and at high resolution.
_TOKENS = {"single": 656, "anyres": 2_420}


@pytest.mark.parametrize(
    ("profile", "flags", "room_gb"),
    [
        ("paper,h100", {}, 80),
        ("anyres,h100", {}, 80),
        ("anyres,h200", {}, 141),
        ("paper,h200", {"gradient_checkpointing": False, "per_device_batch_size": 8}, 141),
        ("paper,h200", {}, 141),
    ],
)
def test_profiles_of_a_gpu_fit_it_with_a_tenth_in_reserve(
    profile: str, flags: dict[str, object], room_gb: int, vicuna_13b: LlavaNextConfig
) -> None:
    settings, _ = resolve(FinetuneSettings, flags=flags, profile=profile)
    plan = make_plan(settings, rows=128, pictures=1, visible_gpus=1, config=vicuna_13b)
    # Bytes a token: the inputs of 40 layers in 16 bits, and one layer's own; or those of all 40.
    kept, of_a_layer = 40 * 2 * 5_120, 363_000
    token = kept + of_a_layer if plan.gradient_checkpointing else 40 * of_a_layer
    rows = plan.per_device_batch_size * _TOKENS[settings.image_mode] * token
    # Base in 16 bits; gradient, 32-bit copy and moments of the LoRA weights; context and buckets.
    needed = 26.7e9 + 18 * plan.trainable_parameters + 3e9 + rows
    assert needed < 0.9 * room_gb * 1e9


@pytest.mark.parametrize(("asked", "stage"), [(None, 2), (3, 3), (1, 1)])
def test_quantised_base_is_not_cut_up_unless_it_is_asked_for(
    vicuna_13b: LlavaNextConfig, asked: int | None, stage: int
) -> None:
    flags = {"load_in": "4bit", "zero_stage": asked}
    settings, _ = resolve(FinetuneSettings, flags=flags, profile="paper")
    plan = make_plan(settings, rows=128, pictures=1, visible_gpus=8, config=vicuna_13b)
    assert plan.zero_stage == stage
    # Of the base as it is before it is packed.
    assert (plan.lora_modules, plan.trainable_parameters) == (280, 500_695_040)


def test_projector_adds_its_own(vicuna_13b: LlavaNextConfig) -> None:
    settings, _ = resolve(FinetuneSettings, flags={"train_projector": True}, profile="paper")
    plan = make_plan(settings, rows=128, pictures=1, visible_gpus=8, config=vicuna_13b)
    # 1024 x 5120 + 5120 + 5120 x 5120 + 5120 = 31,467,520.
    assert (plan.lora_modules, plan.trainable_parameters) == (280, 532_162_560)


@pytest.mark.parametrize(
    ("processes", "per_device", "expected"),
    [(8, None, (16, 1)), (1, None, (16, 8)), (2, 4, (4, 16)), (64, None, (2, 1))],
)
def test_batches(processes: int, per_device: int | None, expected: tuple[int, int]) -> None:
    assert divide_batches(128, processes=processes, per_device=per_device) == expected


def test_share_that_is_no_power_of_two_takes_the_largest_divisor() -> None:
    assert divide_batches(100, processes=2, per_device=None) == Batches(10, 5)


@given(st.integers(1, 600), st.integers(1, 16), st.none() | st.integers(1, 20))
def test_batches_always_multiply_to_the_global_batch(
    batch: int, processes: int, per_device: int | None
) -> None:
    try:
        found = divide_batches(batch, processes=processes, per_device=per_device)
    except ConfigError as error:
        nearest = int(error.hint.split()[1])
        divide_batches(nearest, processes=processes, per_device=per_device)
    else:
        assert found.per_device * found.accumulation * processes == batch


def test_batch_that_does_not_divide_names_one_that_does() -> None:
    with pytest.raises(
        ConfigError, match="global batch of 128 rows does not divide by 3"
    ) as raised:
        divide_batches(128, processes=3, per_device=None)
    assert raised.value.hint == "--global-batch-size 129 divides"
    with pytest.raises(ConfigError, match="x 5 rows per device"):
        divide_batches(128, processes=2, per_device=5)


def _plan(visible_gpus: int = 0, **changes: object):
    settings = FinetuneSettings.model_validate({"base": "tiny", **changes})
    return make_plan(
        settings, rows=100, pictures=10, visible_gpus=visible_gpus, config=check_base("tiny")
    )


def test_processes_of_machines_with_and_without_gpus() -> None:
    assert (_plan().device, _plan().processes, _plan().zero_stage) == ("cpu", 1, 2)
    assert (_plan(gpus=2).device, _plan(gpus=2).processes) == ("cpu", 2)
    several = _plan(visible_gpus=4)
    assert (several.device, several.processes, several.zero_stage) == ("cuda", 4, 3)
    assert several.gradient_checkpointing
    assert _plan(visible_gpus=1).zero_stage == 2
    assert _plan(visible_gpus=4, gpus=2, zero_stage=1).zero_stage == 1


def test_more_gpus_than_there_are() -> None:
    with pytest.raises(ConfigError, match="8 GPUs asked for, 4 visible"):
        _plan(visible_gpus=4, gpus=8)


def test_several_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DS_ACCELERATOR", raising=False)
    hosts = tmp_path / "hosts"
    hosts.write_text("one slots=8\ntwo slots=4\n")
    plan = _plan(hostfile=hosts)
    assert (plan.device, plan.processes_a_machine, plan.processes) == ("cuda", 4, 8)
    with pytest.raises(ConfigError, match="8 GPUs a machine asked for, a machine has 4"):
        _plan(hostfile=hosts, gpus=8)
    # Machines without GPUs, which DeepSpeed has to be told of.
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    assert _plan(hostfile=hosts, visible_gpus=2).device == "cpu"


def test_steps_of_epochs_and_steps_asked_for() -> None:
    assert (_plan(epochs=3).steps, _plan(epochs=3, global_batch_size=30).steps) == (3, 12)
    assert (_plan(max_steps=50).steps, _plan(max_steps=50).warmup_steps) == (50, 2)
    assert (_plan(max_steps=95).save_steps, _plan(save_steps=7).save_steps) == (10, 7)


def test_plan_as_read_before_a_run() -> None:
    text = "\n".join(_plan(gpus=2, global_batch_size=32).lines())
    assert "100 rows about 10 pictures, 2 process(es) on CPU, ZeRO stage 2" in text
    assert "global batch 32 = 16 per device x 2 x 1 accumulated; 4 steps, 1 of warm-up" in text
    assert "trainable parameters" in text


@pytest.mark.parametrize("stage", [None, 0, 1, 2, 3])
def test_fp16_without_zero_is_refused_where_it_is_asked_for(stage: int | None) -> None:
    settings = FinetuneSettings(precision="fp16", zero_stage=stage, gpus=1, base="tiny")

    def plan() -> int:
        config = check_base("tiny")
        return make_plan(settings, rows=9, pictures=9, visible_gpus=8, config=config).zero_stage

    if stage == 0:
        with pytest.raises(ConfigError, match="does not train in fp16") as caught:
            plan()
        assert caught.value.where == "zero_stage, precision"
    else:
        assert plan() == (2 if stage is None else stage)


def test_a_plan_of_fewer_rows_is_the_one_that_these_rows_would_have_had() -> None:
    settings = FinetuneSettings.model_validate({"base": "tiny", "epochs": 3})
    config = check_base("tiny")
    many, few = (
        make_plan(settings, rows=rows, pictures=pictures, visible_gpus=0, config=config)
        for rows, pictures in ((5_000, 900), (700, 80))
    )
    assert (many.steps, many.warmup_steps) != (few.steps, few.warmup_steps)
    assert plan_fewer(many, settings, rows=700, pictures=80) == few


def test_rows_of_high_resolution_alone_are_fewer_at_once() -> None:
    assert _plan(image_mode="anyres", batching="rows").per_device_batch_size == 4
    assert _plan(image_mode="anyres").per_device_batch_size == 16
    assert _plan(image_mode="single", batching="rows").per_device_batch_size == 16
