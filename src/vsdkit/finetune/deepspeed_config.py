"""DeepSpeed's configuration for a plan and a number format."""

from __future__ import annotations

from typing import Any

from vsdkit.finetune.plan import Plan, refuse_fp16_without_zero

__all__ = ["LIVE_PARAMETERS", "REDUCE_BUCKET", "deepspeed_config"]

REDUCE_BUCKET = 50_000_000
"""Gradients that are reduced at once: 0.1 GB in 16 bits, DeepSpeed's own 5e8 would be 1 GB. Larger
than any one weight that trains: the projector's second has 5,120 x 5,120."""
LIVE_PARAMETERS = 1_000_000_000
"""Of the base's numbers, as many as ZeRO-3 keeps gathered on each GPU; LLaVA's own value."""


def deepspeed_config(plan: Plan, *, dtype_name: str, gradient_clipping: float) -> dict[str, Any]:
    """Return the configuration.

    It has no optimizer of its own: torch's AdamW trains, so nothing has to be compiled and no
    nvcc is needed. The optimizer keeps 32-bit copies of the trained weights in 16-bit formats.

    Args:
        plan: Batches and ZeRO stage.
        dtype_name: ``float32``, ``float16`` or ``bfloat16``.
        gradient_clipping: Largest norm of the gradient; 0 does not clip.

    Raises:
        ConfigError: If the GPU's format turned out to be fp16 at ZeRO stage 0.

    Source:
        haotian-liu/LLaVA ``scripts/zero3.json``: dynamic loss scale from 2^16, 1e9 live and
        reused parameters.
    """
    refuse_fp16_without_zero(plan.zero_stage, fp16=dtype_name == "float16")
    zero: dict[str, Any] = {"stage": plan.zero_stage, "reduce_bucket_size": REDUCE_BUCKET}
    if plan.zero_stage == 3:
        zero |= {
            "overlap_comm": True,
            "contiguous_gradients": True,
            "stage3_max_live_parameters": LIVE_PARAMETERS,
            "stage3_max_reuse_distance": LIVE_PARAMETERS,
            "stage3_gather_16bit_weights_on_model_save": True,
        }
    # In 16 bits a sum over many micro-batches would lose its small parts. At stage 1 DeepSpeed
    # would take another optimizer for it, at stage 0 it refuses.
    sums_in_32_bits = dtype_name != "float32" and plan.zero_stage >= 2
    # No train_batch_size: zero.Init compares it before the processes have met.
    return {
        "train_micro_batch_size_per_gpu": plan.per_device_batch_size,
        "gradient_accumulation_steps": plan.accumulation,
        "gradient_clipping": gradient_clipping,
        "zero_optimization": zero,
        "data_types": {"grad_accum_dtype": "fp32"} if sums_in_32_bits else {},
        "bf16": {"enabled": dtype_name == "bfloat16"},
        "fp16": {
            "enabled": dtype_name == "float16",
            "loss_scale": 0,
            "initial_scale_power": 16,
            "loss_scale_window": 1000,
            "hysteresis": 2,
            "min_loss_scale": 1,
        },
        "steps_per_print": plan.steps + 1,
        "wall_clock_breakdown": False,
    }
