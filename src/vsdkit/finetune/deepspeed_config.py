"""DeepSpeed's configuration for a plan and a number format."""

from __future__ import annotations

from typing import Any

from vsdkit.finetune.plan import Plan, refuse_fp16_without_zero

__all__ = ["deepspeed_config"]


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
    zero: dict[str, Any] = {"stage": plan.zero_stage}
    if plan.zero_stage == 3:
        zero |= {
            "overlap_comm": True,
            "contiguous_gradients": True,
            "stage3_max_live_parameters": 1_000_000_000,
            "stage3_max_reuse_distance": 1_000_000_000,
            "stage3_gather_16bit_weights_on_model_save": True,
        }
    # No train_batch_size: zero.Init compares it before the processes have met.
    return {
        "train_micro_batch_size_per_gpu": plan.per_device_batch_size,
        "gradient_accumulation_steps": plan.accumulation,
        "gradient_clipping": gradient_clipping,
        "zero_optimization": zero,
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
