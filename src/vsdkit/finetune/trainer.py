"""The Trainer of a run: its order of rows and learning rates, and how it saves an adapter."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import Trainer

from vsdkit.finetune.examples import GlobalBatches, TrainingRows, collate
from vsdkit.finetune.plan import Plan
from vsdkit.model.checkpoint import Loaded
from vsdkit.model.run_folder import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from vsdkit.settings.finetune import FinetuneSettings

__all__ = ["AdapterTrainer", "save_adapter"]


class AdapterTrainer(Trainer):  # type: ignore[misc]
    """The Trainer with our order of rows, two learning rates, and adapters saved alone."""

    def set_up(self, plan: Plan, settings: FinetuneSettings, loaded: Loaded) -> None:
        """Take what the stock Trainer has no arguments for."""
        self._plan = plan
        self._settings = settings
        self._family = loaded.family
        self._collate = partial(collate, pad=_pad_id(loaded), preparer=loaded.preparer)
        # A step's loss is the sum over its trained tokens by their number in all micro-batches
        # and processes. Some models (Qwen2.5-VL) deny that their loss takes that number, though
        # it does; the Trainer would then average means, and rows that only pad would give NaN.
        self.model_accepts_loss_kwargs = True

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return all micro-batches: one epoch to the Trainer, whatever the number of passes."""
        plan = self._plan
        return DataLoader(
            cast("Dataset[Any]", self.train_dataset),
            batch_sampler=self._batches(),
            collate_fn=self._collate,
            num_workers=plan.loader_workers,
            pin_memory=plan.device == "cuda",
        )

    def ids_of_step(self, step: int) -> list[str]:
        """Return the rows of a step, of all processes, as messages name them."""
        rows = cast("TrainingRows", self.train_dataset)
        return [rows.name(row) for row in self._batches().rows_of_step(step)]

    def _batches(self) -> GlobalBatches:
        plan = self._plan
        return GlobalBatches(
            rows=plan.rows,
            steps=plan.steps,
            per_device=plan.per_device_batch_size,
            accumulation=plan.accumulation,
            processes=self.args.world_size,
            rank=self.args.process_index,
            seed=self._settings.seed,
        )

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Return torch's AdamW, the projector with a learning rate of its own."""
        settings = self._settings
        lora: list[torch.Tensor] = []
        projector: list[torch.Tensor] = []
        for name, weight in (model or self.model).named_parameters():
            if weight.requires_grad:
                (projector if self._family.projector in name else lora).append(weight)
        groups: list[dict[str, Any]] = [{"params": lora}]
        if projector:
            groups.append({"params": projector, "lr": settings.projector_learning_rate})
        optimizer = torch.optim.AdamW(
            groups, lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.optimizer = optimizer
        return optimizer

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Report a step; in fp16 with whether DeepSpeed skipped it, and the loss scale it set."""
        if "loss" in logs:
            # The Trainer takes its running loss off itself, and inf - inf is NaN for ever.
            self._tr_loss.zero_()
            engine = cast("Any", self.model_wrapped)
            # In other formats a gradient that is not finite is no matter of scale.
            if self.is_deepspeed_enabled and engine.fp16_enabled():
                logs |= {
                    "skipped": not engine.was_step_applied(),
                    "loss_scale": float(engine.optimizer.loss_scale),
                }
        super().log(logs, start_time)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Write the adapter of a checkpoint without gathering the frozen model."""
        folder = Path(output_dir or self.args.output_dir)
        save_adapter(self.model, folder, sharded=self._plan.zero_stage == 3)


def save_adapter(model: Any, folder: Path, *, sharded: bool) -> None:
    """Write the adapter as ``peft`` reads it; only what trains is gathered, and on every process.

    Args:
        model: The PEFT model.
        folder: Where.
        sharded: Whether ZeRO-3 has cut the weights up.
    """
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    gather: Any = nullcontext()
    if sharded:
        import deepspeed

        gather = deepspeed.zero.GatheredParameters(list(trained.values()), modifier_rank=None)
    with gather:
        weights = {name: weight.detach().cpu().clone() for name, weight in trained.items()}
    if torch.distributed.is_initialized() and torch.distributed.get_rank() != 0:
        return
    folder.mkdir(parents=True, exist_ok=True)
    state = get_peft_model_state_dict(model, state_dict=weights, save_embedding_layers=False)
    config = model.peft_config["default"]
    config.inference_mode = True
    config.save_pretrained(str(folder))
    config.inference_mode = False
    temporary = folder / f".{ADAPTER_WEIGHTS}.part"
    save_file(
        {name: weight.contiguous() for name, weight in state.items()},
        temporary,
        metadata={"format": "pt"},
    )
    # Written for its owner alone; as readable as the rest of the folder.
    temporary.chmod((folder / ADAPTER_CONFIG).stat().st_mode)
    temporary.replace(folder / ADAPTER_WEIGHTS)


def _pad_id(loaded: Loaded) -> int:
    pad = loaded.tokenizer.pad_token_id
    return int(loaded.tokenizer.eos_token_id if pad is None else pad)
