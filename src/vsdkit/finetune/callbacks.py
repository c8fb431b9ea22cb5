"""What happens beside the steps: their numbers written down, checkpoints marked as whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, set_seed

from vsdkit.data.jsonl import append_rows
from vsdkit.errors import VsdkitError
from vsdkit.finetune.folder import mark_whole
from vsdkit.finetune.plan import Plan
from vsdkit.finetune.throughput import MEASURED
from vsdkit.model.run_folder import METRICS

__all__ = ["CheckpointMark", "FrozenInputs", "OwnDropout", "Reporter"]

_MOST_SKIPPED = 10
"""Steps in a row. DeepSpeed halves the loss scale at each but the first, so from 2^16 the tenth
leaves 2^7, far below what a healthy run comes down to."""
_NAMED_ROWS = 8
"""In a message; the others are counted."""


class OwnDropout(TrainerCallback):  # type: ignore[misc]
    """Gives each process random numbers of its own when training begins.

    Everything before wants the same on all of them. With the same dropout masks on every process,
    a step's rows would meet a few masks instead of many. A run that goes on takes its
    checkpoint's numbers after this.

    Args:
        seed: The run's.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def on_train_begin(self, args: Any, *_: Any, **__: Any) -> None:
        """Seed by the process's rank."""
        set_seed(self._seed + args.process_index)


class FrozenInputs(TrainerCallback):  # type: ignore[misc]
    """Takes what stands in front of the first trained weight out of the backward pass.

    Gradient checkpointing makes all embeddings ask for gradients, those of the vision tower too:
    the whole tower is then computed again and gone back through, for gradients nobody uses. Only
    reentrant checkpointing needs that.
    """

    def on_train_begin(self, *_: Any, model: Any, **__: Any) -> None:
        """Remove what the Trainer has just put on."""
        model.disable_input_require_grads()


class Reporter(TrainerCallback):  # type: ignore[misc]
    """Appends each step's numbers to metrics.jsonl and stops a run that learns no more.

    Args:
        folder: The run's.
        plan: The numbers of the run.
        ids_of_step: Gives the rows of a step as messages name them.
    """

    def __init__(
        self, folder: Path, plan: Plan, *, ids_of_step: Callable[[int], Sequence[str]]
    ) -> None:
        self._path = folder / METRICS
        self._ids_of_step = ids_of_step
        self._epoch_steps = math.ceil(plan.rows / plan.global_batch_size)
        self._skipped_in_a_row = 0

    def on_log(self, _: Any, state: Any, *__: Any, logs: Mapping[str, Any], **___: Any) -> None:
        """Append one step.

        Raises:
            VsdkitError: If its loss is not finite and it was not skipped, or too many in a row
                were skipped.
        """
        if "loss" not in logs:
            return
        row = {
            "step": state.global_step,
            "epoch": round(state.global_step / self._epoch_steps, 6),
            "loss": logs["loss"],
            "learning_rate": logs["learning_rate"],
            "gradient_norm": logs.get("grad_norm"),
            **{name: logs[name] for name in ("skipped", "loss_scale", *MEASURED) if name in logs},
        }
        if state.is_world_process_zero:
            with append_rows(self._path) as append:
                append([row])
        skipped = logs.get("skipped", False)
        self._skipped_in_a_row = self._skipped_in_a_row + 1 if skipped else 0
        if self._skipped_in_a_row == _MOST_SKIPPED:
            raise VsdkitError(
                f"{_MOST_SKIPPED} steps in a row were skipped, the last is {state.global_step}: "
                "their gradients do not fit fp16",
                where=str(self._path),
                hint="lower --learning-rate; on a GPU that has it, --precision bf16",
            )
        if not (skipped or math.isfinite(logs["loss"])):
            raise VsdkitError(
                f"the loss is not a number at step {state.global_step}",
                where=f"{self._path}; its rows: {self._name_rows(state.global_step)}",
                hint="look at these rows; lower --learning-rate, or clip gradients: "
                "--gradient-clipping 1.0",
            )

    def _name_rows(self, step: int) -> str:
        rows = self._ids_of_step(step)
        named = "; ".join(rows[:_NAMED_ROWS])
        more = len(rows) - _NAMED_ROWS
        return f"{named}; and {more:,} more" if more > 0 else named


class CheckpointMark(TrainerCallback):  # type: ignore[misc]
    """Marks a checkpoint as whole when every process has written its part.

    A run that is killed before that goes on from the checkpoint before: the Trainer keeps two.
    """

    def on_save(self, args: Any, state: Any, *_: Any, **__: Any) -> None:
        """Wait for all, then mark."""
        if torch.distributed.is_initialized():
            torch.distributed.barrier()
        if not state.is_world_process_zero:
            return
        mark_whole(Path(args.output_dir) / f"checkpoint-{state.global_step}")
