"""Train: what each process does, from loading the base to saving the adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments, set_seed

from vsdkit.conversation import Conversation
from vsdkit.errors import CheckpointError
from vsdkit.finetune.callbacks import CheckpointMark, FrozenInputs, OwnDropout, Reporter
from vsdkit.finetune.deepspeed_config import deepspeed_config
from vsdkit.finetune.evaluation import Evaluation
from vsdkit.finetune.examples import RowEncoder, TrainingRows
from vsdkit.finetune.finish import finish
from vsdkit.finetune.job import Job
from vsdkit.finetune.order import RowTokens, make_batches
from vsdkit.finetune.plan import Plan, most_rows_alone
from vsdkit.finetune.report_to import finish_reports, report_arguments
from vsdkit.finetune.rows import InstructionTable
from vsdkit.finetune.start_weights import put_start_weights
from vsdkit.finetune.trainer import AdapterTrainer, save_adapter
from vsdkit.manifest import Manifest
from vsdkit.model.bases import resolve_base
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
    whole_on_gpu = plan.device == "cuda" and plan.zero_stage < 3
    loaded = load_base(
        settings.base,
        image_mode=settings.image_mode,
        precision=precision,
        commit=job.identity["base_commit"],
        training=True,
        gpu=arguments.local_process_index if whole_on_gpu else None,
        load_in=settings.load_in,
    )
    # Here, since loading takes random numbers too, as many as the ZeRO stage asks for.
    set_seed(settings.seed)
    model = add_lora(loaded, settings, plan)
    if job.checkpoint is None:
        put_start_weights(model, settings.resume_from)
    dataset = _dataset(job, loaded)
    tokens = _count_tokens(dataset, arguments)
    evaluation = None
    if job.evaluation is not None:
        evaluation = Evaluation(
            job,
            loaded,
            # Each row with an image of its own, whose keys and values are kept: 2 GB at 13B.
            batch_size=min(plan.per_device_batch_size, most_rows_alone(settings.image_mode)),
            rank=rank,
            processes=arguments.world_size,
        )
    # Asked when a step goes wrong: the trainer is there by then.
    reporter = Reporter(Path(job.folder), plan, ids_of_step=lambda step: trainer.ids_of_step(step))
    trainer = AdapterTrainer(
        model=model,
        args=arguments,
        train_dataset=dataset,
        callbacks=[OwnDropout(settings.seed), FrozenInputs(), reporter, CheckpointMark()],
    )
    batches = make_batches(
        settings.batching,
        plan.division,
        image_of_row=dataset.image_of_row(),
        tokens=tokens,
        rank=rank,
        seed=settings.seed,
    )
    trainer.set_up(plan, settings, loaded, batches)
    trainer.train(resume_from_checkpoint=job.checkpoint)
    finish_reports()
    save_adapter(trainer.model, Path(job.folder), sharded=plan.zero_stage == 3)
    # After the adapter is saved: whatever fails here, it is there, and the checkpoint of the last
    # step too, so that going on trains no step again.
    scores = None if evaluation is None else evaluation.run(trainer.model)
    if rank == 0:
        finish(job, manifest=manifest, precision=precision, evaluation=scores)


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
    # Not the folder of the hub's cache that it was read from: the adapter goes to other machines.
    model.peft_config["default"].base_model_name_or_path = resolve_base(settings.base)
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
        checkpointing["activation_checkpointing"] = True
        checkpointing["activation_checkpointing_kwargs"] = {"use_reentrant": False}
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
        **report_arguments(settings.report_to, Path(job.folder)),
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
    used = rows.first(job.settings["max_rows"]).without(job.left_out_rows)
    return TrainingRows(used, files=job.images, encoder=encoder, preparer=loaded.preparer)


def _count_tokens(dataset: TrainingRows, arguments: TrainingArguments) -> list[RowTokens]:
    """Return the length of every row; each process encodes its share of them.

    So a wrong row is named before any step.
    """
    own = [
        dataset.count_tokens(place)
        for place in range(arguments.process_index, len(dataset), arguments.world_size)
    ]
    shares: list[list[RowTokens]] = [own] * arguments.world_size
    if arguments.world_size > 1:
        torch.distributed.all_gather_object(shares, own)
    tokens = [RowTokens(0, 0, 0)] * len(dataset)
    for rank, share in enumerate(shares):
        tokens[rank :: arguments.world_size] = share
    return tokens
