from __future__ import annotations

import pytest

from vsdkit.ablate import expand
from vsdkit.errors import ConfigError
from vsdkit.settings.ablate import AblateSettings


def test_every_combination_in_order() -> None:
    grid = AblateSettings(
        stages={"finetune": {"base": "tiny"}},
        grid={"finetune.lora_rank": [8, 16], "finetune.image_mode": ["single", "anyres"]},
    )
    cells = expand(grid)
    assert [tuple(cell.choices.values()) for cell in cells] == [
        (8, "single"),
        (8, "anyres"),
        (16, "single"),
        (16, "anyres"),
    ]
    assert cells[3].stages["finetune"] == {"base": "tiny", "lora_rank": 16, "image_mode": "anyres"}


def test_stages_come_in_the_order_of_the_pipeline_and_end_with_score() -> None:
    grid = AblateSettings(
        stages={"infer": {}, "build-instructions": {}}, grid={"infer.batch_size": [1]}
    )
    assert list(expand(grid)[0].stages) == ["build-instructions", "infer", "score"]


@pytest.mark.parametrize("none", ["none", None])
def test_no_engine_leaves_rewriting_out(none: object) -> None:
    grid = AblateSettings(grid={"diversify.engine": [none, "rules"]})
    without, with_rules = expand(grid)
    assert list(without.stages) == ["score"]
    assert list(with_rules.stages) == ["diversify", "score"]


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"finetun.lora_rank": [1]}, "unknown stage 'finetun'"),
        ({"lora_rank": [1]}, "'lora_rank' is not stage.setting"),
        ({"finetune.lora_rank": []}, "has no values"),
        ({"finetune.lora_rnak": [1]}, "finetune has no setting 'lora_rnak'"),
    ],
)
def test_wrong_grid_is_refused(grid: dict[str, list[object]], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        expand(AblateSettings(grid=grid))


def test_unknown_stage_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown stage 'train'"):
        expand(AblateSettings(stages={"train": {}}, grid={"finetune.lora_rank": [1]}))


def test_an_unknown_setting_of_a_stage_is_refused_before_any_is_run() -> None:
    grid = AblateSettings(stages={"infer": {"batch": 1}}, grid={"infer.batch_size": [1]})
    with pytest.raises(ConfigError, match="infer has no setting 'batch'") as caught:
        expand(grid)
    assert caught.value.where == "stages.infer.batch"
    assert "batch_size" in caught.value.hint
