"""Settings of finetune and the shipped profiles."""

from __future__ import annotations

import pytest

from vsdkit.errors import ConfigError
from vsdkit.settings.finetune import FinetuneSettings
from vsdkit.settings.resolve import profile_names, resolve


@pytest.mark.parametrize("profile", profile_names())
def test_every_shipped_profile_loads(profile: str) -> None:
    _, origins = resolve(FinetuneSettings, flags={}, profile=profile)
    assert set(origins.values()) == {f"profile {profile}", "default"}


def test_there_is_a_profile_for_each_recipe_and_machine_and_the_default_is_one() -> None:
    assert profile_names() == ["anyres", "h100", "h200", "laptop", "paper", "tiny"]
    assert FinetuneSettings.profile in profile_names()


@pytest.mark.parametrize("profile", ["h100", "h200"])
def test_profile_of_a_machine_changes_nothing_of_what_is_learned(profile: str) -> None:
    _, origins = resolve(FinetuneSettings, flags={}, profile=profile)
    assert {name for name, origin in origins.items() if origin != "default"} == {
        "precision",
        "zero_stage",
        "gradient_checkpointing",
        "per_device_batch_size",
    }


def test_a_machine_goes_over_a_recipe() -> None:
    settings, origins = resolve(FinetuneSettings, flags={}, profile="anyres, h200")
    assert (settings.image_mode, origins["image_mode"]) == ("anyres", "profile anyres")
    assert settings.per_device_batch_size == 16
    assert origins["per_device_batch_size"] == "profile h200"


def test_defaults_are_the_anyres_profile_and_learn_as_the_paper_does() -> None:
    settings, _ = resolve(FinetuneSettings, flags={}, profile="anyres")
    assert settings == FinetuneSettings()
    assert (settings.image_mode, settings.batching) == ("anyres", "pictures")
    paper, _ = resolve(FinetuneSettings, flags={}, profile="paper")
    seen = {"image_mode": "anyres", "batching": "pictures"}
    assert paper.model_copy(update=seen) == settings


def test_places_and_manners_are_not_the_identity_but_the_number_of_processes_is() -> None:
    plain = FinetuneSettings().identity()
    elsewhere = FinetuneSettings(
        images=("x",), runs="x", name="x", save_steps=5, loader_workers=1, overwrite=True
    )
    assert elsewhere.identity() == plain
    assert FinetuneSettings(gpus=2).identity() != plain


def test_paper_profile_is_llavas_script() -> None:
    # haotian-liu/LLaVA scripts/v1_5/finetune_task_lora.sh: 16 per device on 8 GPUs, and zero3.json
    # without a gradient_clipping key.
    settings, origins = resolve(FinetuneSettings, flags={}, profile="paper")
    assert settings.global_batch_size == 16 * 8
    assert (settings.lora_rank, settings.lora_alpha, settings.lora_dropout) == (128, 256, 0.05)
    assert (settings.learning_rate, settings.schedule, settings.warmup_ratio) == (
        2e-4,
        "cosine",
        0.03,
    )
    assert (settings.weight_decay, settings.gradient_clipping, settings.epochs) == (0.0, 0.0, 1)
    assert (settings.image_mode, settings.batching) == ("single", "rows")
    assert not settings.train_projector
    # Stated in the file, so that the paper's numbers stay the paper's whatever the defaults become.
    stated = ("global_batch_size", "lora_rank", "lora_alpha", "lora_dropout", "learning_rate")
    stated += ("schedule", "warmup_ratio", "weight_decay", "gradient_clipping", "epochs")
    stated += ("image_mode", "batching", "train_projector")
    assert {origins[name] for name in stated} == {"profile paper"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("learning_rate", 0),
        ("lora_dropout", 1.0),
        ("zero_stage", 4),
        ("name", "../up"),
        ("name", ".hidden"),
        ("image_mode", "double"),
        ("images", ()),
    ],
)
def test_values_out_of_range_are_named(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=field):
        resolve(FinetuneSettings, flags={field: value})


def test_unknown_setting_gets_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="unknown setting 'lora_rnak'") as raised:
        resolve(FinetuneSettings, flags={"lora_rnak": 8})
    assert "lora_rank" in raised.value.hint


@pytest.mark.parametrize("name", ["max_rows", "max_steps", "lora_alpha", "global_batch_size"])
def test_number_that_json_cannot_hold_is_one_error(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} = 9{{20}}: too large a number"):
        resolve(FinetuneSettings, flags={name: 10**20 - 1})


@pytest.mark.parametrize("word", ["--master-port=5", "--num-gpus", "--no-ssh"])
def test_words_with_hyphens_are_refused_as_those_with_underlines(word: str) -> None:
    with pytest.raises(ConfigError, match="cannot be passed on"):
        resolve(FinetuneSettings, flags={"deepspeed_args": [word]})
