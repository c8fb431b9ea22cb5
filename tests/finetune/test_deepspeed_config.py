"""DeepSpeed's configuration."""

from __future__ import annotations

import pytest
from deepspeed.runtime.config import DeepSpeedConfig

from vsdkit.errors import ConfigError
from vsdkit.finetune.deepspeed_config import deepspeed_config
from vsdkit.finetune.plan import Plan, make_plan
from vsdkit.model.bases import check_base
from vsdkit.settings.finetune import FinetuneSettings


def _plan(stage: int) -> Plan:
    settings = FinetuneSettings(zero_stage=stage, gpus=1, base="tiny")
    return make_plan(settings, rows=500, pictures=9, visible_gpus=8, config=check_base("tiny"))


@pytest.mark.parametrize(
    ("stage", "dtype_name"),
    [
        (stage, dtype_name)
        for stage in (0, 1, 2, 3)
        for dtype_name in ("float32", "float16", "bfloat16")
        if (stage, dtype_name) != (0, "float16")
    ],
)
def test_deepspeed_takes_it_and_nothing_has_to_be_compiled(stage: int, dtype_name: str) -> None:
    plan = _plan(stage)
    config = deepspeed_config(plan, dtype_name=dtype_name, gradient_clipping=0.0)
    assert "optimizer" not in config
    assert "scheduler" not in config
    taken = DeepSpeedConfig(config)
    assert taken.zero_optimization_stage == stage
    assert taken.train_batch_size == 128
    assert taken.gradient_clipping == 0.0
    assert (taken.float16_config.enabled, taken.bfloat16_config.enabled) == (
        dtype_name == "float16",
        dtype_name == "bfloat16",
    )
    in_32_bits = dtype_name != "float32" and stage >= 2
    assert taken.grad_accum_dtype == ("fp32" if in_32_bits else None)
    assert taken.zero_config.reduce_bucket_size == 50_000_000
    if dtype_name == "float16":
        # Dynamic, from 2^16, as LLaVA's zero3.json.
        assert (taken.float16_config.loss_scale, taken.float16_config.initial_scale_power) == (
            0,
            16,
        )


def test_fp16_without_zero_is_refused_where_the_gpu_chose_it() -> None:
    with pytest.raises(ConfigError, match="stage 0 does not train in fp16") as caught:
        deepspeed_config(_plan(0), dtype_name="float16", gradient_clipping=0.0)
    assert caught.value.where == "zero_stage, precision"
