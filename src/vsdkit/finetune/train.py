"""Train: what each process does, from loading the base to saving the adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import TrainingArguments, set_seed

from vsdkit.conversation import Conversation
from vsdkit.errors import CheckpointError
from vsdkit.finetune.callbacks import CheckpointMark, FrozenInputs, Reporter
from vsdkit.finetune.deepspeed_config import deepspeed_config
from vsdkit.finetune.examples import RowEncoder, TrainingRows
from vsdkit.finetune.finish import finish
from vsdkit.finetune.job import Job
from vsdkit.finetune.plan import Plan
from vsdkit.finetune.rows import InstructionTable
from vsdkit.finetune.trainer import AdapterTrainer, save_adapter
from vsdkit.manifest import Manifest
from vsdkit.model.checkpoint import Loaded, load_base
from vsdkit.model.lora import Trainable, count_trained, with_lora
from vsdkit.model.precision import Precision, choose_precision
from vsdkit.model.run_folder import CHECKPOINTS
from vsdkit.settings.finetune import FinetuneSettings

__all__ = ["add_lora", "train"]


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
    # Asked when a step goes wrong: the trainer is there by then.
    reporter = Reporter(Path(job.folder), plan, ids_of_step=lambda step: trainer.ids_of_step(step))
    trainer = AdapterTrainer(
        model=model,
        args=arguments,
        train_dataset=dataset,
        callbacks=[FrozenInputs(), reporter, CheckpointMark()],
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
