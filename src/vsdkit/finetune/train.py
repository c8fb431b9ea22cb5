"""Train: what each process does, from loading the base to saving the adapter."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import Trainer, TrainerCallback, TrainingArguments, set_seed

from vsdkit.conversation import Conversation
from vsdkit.data.jsonl import append_rows
from vsdkit.errors import CheckpointError, VsdkitError
from vsdkit.finetune.deepspeed_config import deepspeed_config
from vsdkit.finetune.examples import GlobalBatches, RowEncoder, TrainingRows, collate
from vsdkit.finetune.finish import finish
from vsdkit.finetune.job import Job
from vsdkit.finetune.plan import Plan
from vsdkit.finetune.rows import InstructionTable
from vsdkit.manifest import Manifest
from vsdkit.model.checkpoint import Loaded, load_base
from vsdkit.model.lora import Trainable, count_trained, with_lora
from vsdkit.model.precision import Precision, choose_precision
from vsdkit.model.run_folder import ADAPTER_CONFIG, ADAPTER_WEIGHTS, CHECKPOINTS, METRICS, WHOLE
from vsdkit.settings.finetune import FinetuneSettings

__all__ = ["AdapterTrainer", "add_lora", "save_adapter", "train"]

_MOST_SKIPPED = 10
"""Steps in a row. DeepSpeed halves the loss scale at each but the first, so from 2^16 the tenth
leaves 2^7, far below what a healthy run comes down to."""


def train(job: Job) -> None:
    """Train one process's share of a run; the first process writes the run's folder.

    Raises:
        VsdkitError: If something does not fit: base, GPU, a row, a loss that is not a number.
    """
    settings = FinetuneSettings.model_validate(job.settings)
    plan = Plan(**job.plan)
    manifest = Manifest(
        "finetune",
        settings=job.settings,
        origins=job.origins,
        packages=("torch", "transformers", "peft", "deepspeed", "accelerate"),
    )
    precision = choose_precision("cuda" if plan.device == "cuda" else "cpu", settings.precision)
    arguments = _arguments(job, settings, plan, precision)
    rank = arguments.process_index
    # With ZeRO-3 the arguments above make the loading go through zero.Init: no process ever
    # holds the whole model.
    loaded = load_base(
        settings.base, image_mode=settings.image_mode, precision=precision, training=True
    )
    # Here, since loading takes random numbers too, as many as the ZeRO stage asks for.
    set_seed(settings.seed)
    model = add_lora(loaded, settings, plan)
    dataset = _dataset(job, loaded)
    _check_share(dataset, arguments)
    trainer = AdapterTrainer(
        model=model,
        args=arguments,
        train_dataset=dataset,
        callbacks=[_FrozenInputs(), _Reporter(Path(job.folder), plan), _CheckpointMark()],
    )
    trainer.set_up(plan, settings, loaded)
    trainer.train(resume_from_checkpoint=job.checkpoint)
    save_adapter(trainer.model, Path(job.folder), sharded=plan.zero_stage == 3)
    if rank == 0:
        finish(job, manifest=manifest, precision=precision)


def add_lora(loaded: Loaded, settings: FinetuneSettings, plan: Plan) -> Any:
    """Return the base with LoRA on its language model, counted.

    Raises:
        CheckpointError: If not exactly the planned modules and parameters train.
    """
    model = with_lora(
        loaded.model,
        loaded.family,
        rank=settings.lora_rank,
        alpha=settings.lora_alpha,
        dropout=settings.lora_dropout,
        train_projector=settings.train_projector,
    )
    found = count_trained(model)
    planned = Trainable(plan.lora_modules, plan.trainable_parameters)
    if found != planned:
        raise CheckpointError(
            f"LoRA got {found.lora_modules} modules and {found.parameters:,} trainable parameters; "
            f"expected {planned.lora_modules} and {planned.parameters:,}",
            where=f"base model {settings.base}",
            hint="this base's files have changed since the run was planned: fetch it again",
        )
    return model


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
        batches = GlobalBatches(
            rows=plan.rows,
            steps=plan.steps,
            per_device=plan.per_device_batch_size,
            accumulation=plan.accumulation,
            processes=self.args.world_size,
            rank=self.args.process_index,
            seed=self._settings.seed,
        )
        return DataLoader(
            cast("Dataset[Any]", self.train_dataset),
            batch_sampler=batches,
            collate_fn=self._collate,
            num_workers=plan.loader_workers,
            pin_memory=plan.device == "cuda",
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


class _FrozenInputs(TrainerCallback):  # type: ignore[misc]
    """Takes what stands in front of the first trained weight out of the backward pass.

    Gradient checkpointing makes all embeddings ask for gradients, those of the vision tower too:
    the whole tower is then computed again and gone back through, for gradients nobody uses. Only
    reentrant checkpointing needs that.
    """

    def on_train_begin(self, *_: Any, model: Any, **__: Any) -> None:
        """Remove what the Trainer has just put on."""
        model.disable_input_require_grads()


class _Reporter(TrainerCallback):  # type: ignore[misc]
    """Appends each step's numbers to metrics.jsonl and stops a run that learns no more."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._path = folder / METRICS
        self._epoch_steps = math.ceil(plan.rows / plan.global_batch_size)
        self._last = time.monotonic()
        self._skipped_in_a_row = 0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Start the clock."""
        self._last = time.monotonic()

    def on_log(self, _: Any, state: Any, *__: Any, logs: Mapping[str, Any], **___: Any) -> None:
        """Append one step.

        Raises:
            VsdkitError: If its loss is not finite and it was not skipped, or too many in a row
                were skipped.
        """
        if "loss" not in logs:
            return
        now = time.monotonic()
        row = {
            "step": state.global_step,
            "epoch": round(state.global_step / self._epoch_steps, 6),
            "loss": logs["loss"],
            "learning_rate": logs["learning_rate"],
            "gradient_norm": logs.get("grad_norm"),
            **{name: logs[name] for name in ("skipped", "loss_scale") if name in logs},
            "seconds": round(now - self._last, 4),
        }
        self._last = now
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
                where=str(self._path),
                hint="lower --learning-rate, or clip gradients: --gradient-clipping 1.0",
            )


class _CheckpointMark(TrainerCallback):  # type: ignore[misc]
    """Marks a checkpoint as whole when every process has written its part."""

    def on_save(self, args: Any, state: Any, *_: Any, **__: Any) -> None:
        """Wait for all, then mark."""
        if torch.distributed.is_initialized():
            torch.distributed.barrier()
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / WHOLE).touch()


def _arguments(
    job: Job, settings: FinetuneSettings, plan: Plan, precision: Precision
) -> TrainingArguments:
    checkpointing: dict[str, Any] = {}
    if plan.gradient_checkpointing:
        checkpointing["gradient_checkpointing"] = True
        checkpointing["gradient_checkpointing_kwargs"] = {"use_reentrant": False}
    return TrainingArguments(
        **checkpointing,
        output_dir=str(Path(job.folder) / CHECKPOINTS),
        per_device_train_batch_size=plan.per_device_batch_size,
        gradient_accumulation_steps=plan.accumulation,
        max_steps=plan.steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=plan.warmup_steps,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.gradient_clipping,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=plan.save_steps,
        # Two: while the newest is half written, the one before it must still be there.
        save_total_limit=2,
        bf16=precision.dtype_name == "bfloat16",
        fp16=precision.dtype_name == "float16",
        seed=settings.seed,
        dataloader_num_workers=plan.loader_workers,
        remove_unused_columns=False,
        report_to=[],
        disable_tqdm=True,
        use_cpu=plan.device == "cpu",
        deepspeed=deepspeed_config(
            plan, dtype_name=precision.dtype_name, gradient_clipping=settings.gradient_clipping
        ),
    )


def _dataset(job: Job, loaded: Loaded) -> TrainingRows:
    rows = InstructionTable.open(job.rows, digest=job.identity["instructions"])
    encoder = RowEncoder(
        tokenizer=loaded.tokenizer,
        conversation=Conversation.parse(job.conversation, where="conversation"),
        image_id=loaded.image_id,
        longest=loaded.positions,
        source=Path(job.settings["instructions"]),
    )
    used = rows.without(job.left_out_rows)
    return TrainingRows(used, files=job.images, encoder=encoder, preparer=loaded.preparer)


def _check_share(dataset: TrainingRows, arguments: TrainingArguments) -> None:
    """Encode this process's share of the rows, so that a wrong one is named before any step."""
    for index in range(arguments.process_index, len(dataset), arguments.world_size):
        dataset.count_tokens(index)


def _pad_id(loaded: Loaded) -> int:
    pad = loaded.tokenizer.pad_token_id
    return int(loaded.tokenizer.eos_token_id if pad is None else pad)
