"""The Trainer of a run: its order of rows and learning rates, and how it saves an adapter."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset
from transformers import Trainer

from vsdkit.errors import ConfigError
from vsdkit.finetune.examples import IGNORED, TrainingRows, collate_rows
from vsdkit.finetune.order import StepBatches
from vsdkit.finetune.packing import SEGMENTS, attention_mask, collate_images
from vsdkit.finetune.plan import Plan
from vsdkit.finetune.throughput import of_model
from vsdkit.model.checkpoint import Loaded
from vsdkit.model.run_folder import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from vsdkit.settings.finetune import FinetuneSettings

__all__ = ["AdapterTrainer", "save_adapter"]

_WEIGHT_POWERS: Final = {"sum": 0.0, "sqrt": -0.5, "mean": -1.0}
"""``picture_weight`` to the power of the number of an image's rows that weighs each of them."""


class AdapterTrainer(Trainer):  # type: ignore[misc]
    """The Trainer with our micro-batches, loss and learning rates; it saves adapters alone."""

    # The loss is divided by what all micro-batches of a step train, and not once more by their
    # number.
    loss_is_scaled_for_ga = True

    def set_up(
        self, plan: Plan, settings: FinetuneSettings, loaded: Loaded, batches: StepBatches
    ) -> None:
        """Take what the stock Trainer has no arguments for.

        Raises:
            ConfigError: If images are shared and the model's attention would misread their mask.
        """
        self._plan = plan
        self._settings = settings
        self._family = loaded.family
        self._batches = batches
        self._throughput = of_model(plan, loaded)
        shared = settings.batching == "pictures"
        self._collate = partial(
            collate_images if shared else collate_rows,
            pad=_pad_id(loaded),
            preparer=loaded.preparer,
        )
        if shared:
            _require_sdpa(loaded)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return all micro-batches: one epoch to the Trainer, whatever the number of passes."""
        return DataLoader(
            cast("Dataset[Any]", self.train_dataset),
            batch_sampler=cast("Any", self._batches),
            collate_fn=self._collate,
            num_workers=self._plan.loader_workers,
            pin_memory=self._plan.device == "cuda",
        )

    def ids_of_step(self, step: int) -> list[str]:
        """Return the rows of a step, of all processes, as messages name them."""
        rows = cast("TrainingRows", self.train_dataset)
        return [rows.name(row) for row in self._batches.rows_of_step(step)]

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | None = None,
    ) -> Any:
        """Return a micro-batch's part of the loss of its step.

        A step's loss is the sum of its trained tokens' losses, each by the weight of its image,
        over the sum of these weights in all micro-batches and processes. A mean of means would
        depend on how a step is shared out, and be NaN where a micro-batch only pads.
        """
        labels = inputs.pop("shift_labels")
        weights = self._weights(labels, inputs.pop("rows_of_image"))
        if SEGMENTS in inputs:
            inputs["attention_mask"] = attention_mask(inputs.pop(SEGMENTS))
        outputs = model(**inputs)
        losses = cross_entropy(
            outputs.logits.float().flatten(0, 1),
            labels.flatten(),
            ignore_index=IGNORED,
            reduction="none",
        )
        # DeepSpeed takes the mean over processes; the sum is wanted.
        trained = cast("torch.Tensor", num_items_in_batch)
        loss = (losses * weights.flatten()).sum() / trained * self.args.world_size
        return (loss, outputs) if return_outputs else loss

    def _get_num_items_in_batch(
        self, batch_samples: list[dict[str, Any]], device: torch.device
    ) -> torch.Tensor:
        """Return the weights of all trained tokens of a step, of every process, added up."""
        own = torch.stack(
            [
                self._weights(one["shift_labels"], one["rows_of_image"]).sum()
                for one in batch_samples
            ]
        ).sum()
        gathered: torch.Tensor = self.accelerator.gather(own.to(device))
        return gathered.sum()

    def _weights(self, labels: torch.Tensor, rows_of_image: torch.Tensor) -> torch.Tensor:
        """Return each token's weight in the loss, 0 where nothing is trained, in 32 bits.

        Made here of whole numbers: the Trainer casts floats of a batch to the model's format.
        """
        power = _WEIGHT_POWERS[self._settings.picture_weight]
        return (labels != IGNORED) * rows_of_image.float() ** power

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

    def training_step(self, model: Any, inputs: dict[str, Any], *more: Any) -> torch.Tensor:
        """Take a micro-batch, and count its tokens."""
        self._throughput.count(inputs)
        loss: torch.Tensor = super().training_step(model, inputs, *more)
        return loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Report a step; in fp16 with whether DeepSpeed skipped it, and the loss scale it set."""
        if "loss" in logs:
            logs |= self._throughput.measure(self.state.global_step)
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
    writes = not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0
    with gather:
        # A GB at 13B, which one process needs; gathering takes all of them.
        weights = {
            name: weight.detach().cpu().clone() for name, weight in trained.items() if writes
        }
    if not writes:
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


def _require_sdpa(loaded: Loaded) -> None:
    """Raise if the model's attention does not take a bool mask as what each token sees.

    Eager attention adds it to the scores, and flash attention leaves it out: both train something
    else and say nothing.
    """
    attention = loaded.precision.attention
    if attention != "sdpa":
        raise ConfigError(
            f"images cannot be shared with {attention!r} attention, only with 'sdpa'",
            where="batching",
            hint="--batching rows",
        )
