"""Fine-tuning from the parent's side: check, plan, start the launcher, follow it to its end."""

from __future__ import annotations

import os
import shlex
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from vsdkit.data.jsonl import read_appended, write_rows
from vsdkit.finetune.base import prepare_base
from vsdkit.finetune.folder import (
    Beginning,
    make_identity,
    open_run,
    refuse_other_images,
    remove_checkpoints,
    remove_run,
)
from vsdkit.finetune.follow import follow
from vsdkit.finetune.heartbeat import Pulse, beating
from vsdkit.finetune.job import Job
from vsdkit.finetune.machines import (
    carried_environment,
    check_machines,
    make_launch,
    wait_for_job,
)
from vsdkit.finetune.plan import Plan, make_plan, plan_fewer
from vsdkit.finetune.preflight import OpenedImages, check_inputs, open_images
from vsdkit.finetune.report_to import require_reporters
from vsdkit.finetune.start_weights import find_start
from vsdkit.launch import Launch
from vsdkit.manifest import read_manifest, refuse_other
from vsdkit.model.base_files import base_commit
from vsdkit.model.run_folder import FAILURE, METRICS, RUN, is_complete
from vsdkit.progress import SILENT, Listener
from vsdkit.reporting import Report, Table
from vsdkit.settings.finetune import FinetuneSettings

__all__ = ["FinetuneReport", "finetune"]


@dataclass(frozen=True, slots=True)
class FinetuneReport(Report):
    """What a run is made of, and what came out."""

    plan: Plan
    """The numbers of the run."""
    command: str
    """The launcher's command line."""
    folder: Path
    """The run's folder."""
    tokens: dict[str, int] | None = None
    """Of a dry run: tokens of an epoch's rows, the images' share of them, the longest row."""
    resumed_from: int | None = None
    """Step of the checkpoint that it went on from."""
    was_complete: bool = False
    """Whether it was there already."""
    last_loss: float | None = None
    """Loss of the last step."""
    seconds: float | None = None
    """What this call took to train."""
    evaluation: dict[str, Any] | None = None
    """Of a run that answered gold at its end: ``evaluation`` of its run.json."""
    summary: str | None = None
    """Of a run that is complete: a paragraph for a paper's appendix."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        result: dict[str, Any] = {"folder": str(self.folder), **self.plan.to_dict()}
        if self.tokens is not None:
            result["tokens"] = self.tokens
        else:
            result |= {
                "last_loss": self.last_loss,
                "resumed_from": self.resumed_from,
                "was_complete": self.was_complete,
                "seconds": self.seconds,
            }
        if self.evaluation is not None:
            result["evaluation"] = self.evaluation
        return result | {"command": self.command}

    def tables(self) -> list[Table]:
        """Return the numbers of the run by name."""
        plan = self.plan
        rows: list[tuple[str, object]] = [
            ("rows", plan.rows),
            ("steps", plan.steps),
            ("warm-up steps", plan.warmup_steps),
            ("global batch", plan.global_batch_size),
            ("LoRA modules", plan.lora_modules),
            ("trainable parameters", plan.trainable_parameters),
        ]
        if self.tokens is not None:
            rows += [(f"tokens: {name}", count) for name, count in self.tokens.items()]
        else:
            rows += [("last loss", self.last_loss), ("seconds", self.seconds)]
        rows.append(("folder", str(self.folder)))
        return [Table(("", "value"), rows), *self._scores()]

    def _scores(self) -> list[Table]:
        if self.evaluation is None:
            return []
        rows = [
            (task.removeprefix("task"), name, round(value, 2))
            for task, numbers in self.evaluation["scores"].items()
            for name, value in numbers.items()
        ]
        title = f"answers to {self.evaluation['gold']}"
        return [Table(("task", "number", "value"), rows, title)]

    def notes(self) -> list[str]:
        """Return the run in words."""
        return [] if self.summary is None else ["", self.summary]


def finetune(
    settings: FinetuneSettings,
    *,
    listener: Listener = SILENT,
    origins: Mapping[str, str] | None = None,
) -> FinetuneReport:
    """Train a LoRA adapter with the deepspeed launcher, or go on where a run was stopped.

    Args:
        settings: What to train, on what.
        listener: Hears the numbers, the command and the progress.
        origins: Where each setting came from, for run.json.

    Returns:
        What was planned and done; the adapter is in ``report.folder``.

    Raises:
        ConfigError: If settings contradict each other, the machine, or the run in the folder.
        DataError: If a row or an image is wrong.
        MissingInputError: If rows, images, base or launcher are not there.
        ChildFailedError: If training ended without its completion mark.
    """
    require_reporters(settings.report_to)
    check_machines(settings)
    inputs = check_inputs(settings, listener=listener)
    commit = base_commit(settings.base)
    plan, config, precision = _plan(
        settings, commit, rows=len(inputs.rows), pictures=len(inputs.images.paths)
    )
    _tell(plan, listener)
    start = find_start(settings, config, listener=listener)
    identity = make_identity(
        settings, plan, inputs, precision=precision, base_commit=commit, start=start
    )
    folder = (settings.runs / (settings.name or _name(settings, identity))).absolute()
    if start is not None:
        start.refuse_within(folder)
    launch = make_launch(settings, plan, folder)
    prepare = partial(
        prepare_base, settings.base, config, inputs.conversation, commit=commit, listener=listener
    )
    if settings.dry_run:
        from vsdkit.finetune.tokens import count_tokens

        opened = open_images(settings, inputs, listener=listener)
        plan = _plan_again(settings, opened, plan, listener)
        base = prepare(weights=False)
        tokens = count_tokens(settings, inputs, opened, config, base=base, listener=listener)
        return FinetuneReport(plan, shlex.join(launch.command()), folder, tokens=tokens)
    if settings.node_rank:
        return _join(launch, plan, folder, settings, identity, listener)
    with (
        open_run(folder, identity=identity, overwrite=settings.overwrite) as beginning,
        beating(folder) as pulse,
    ):
        for name in beginning.half_written:
            listener.message(f"{name} is half written, the run was stopped meanwhile: skipped")
        opened = open_images(settings, inputs, listener=listener, opened=beginning.images)
        refuse_other_images(folder, beginning, opened.images)
        plan = _plan_again(settings, opened, plan, listener)
        if beginning.complete:
            listener.message(f"complete already: {folder}")
            _tell_unscored(folder, opened, listener)
            remove_checkpoints(folder)
            return _report(plan, launch, folder, beginning, seconds=0.0)
        prepare(weights=True)
        if settings.overwrite:
            remove_run(folder)
        _forget_later_steps(folder, beginning.step)
        # In a new folder job.json comes first: a folder without it is nobody's run.
        Job(
            folder=str(folder),
            settings=settings.model_dump(mode="json"),
            plan=plan.to_dict(),
            identity=identity | opened.images.identity(),
            rows=inputs.rows.files,
            images=opened.images.files,
            left_out_rows=opened.left_out_rows,
            template=inputs.template.text,
            conversation=inputs.conversation.text,
            checkpoint=None if beginning.checkpoint is None else str(beginning.checkpoint.path),
            origins=dict(origins or {}),
            argv=sys.argv[1:],
            parent=os.getpid(),
            host=socket.gethostname(),
            evaluation=opened.evaluation,
            start=pulse,
            port=launch.port,
            environment=carried_environment(launch.environment()),
        ).write()
        began = time.monotonic()
        follow(launch, plan, folder, step=beginning.step, listener=listener)
        remove_checkpoints(folder)
        return _report(plan, launch, folder, beginning, seconds=time.monotonic() - began)


def _join(
    launch: Launch,
    plan: Plan,
    folder: Path,
    settings: FinetuneSettings,
    identity: Mapping[str, Any],
    listener: Listener,
) -> FinetuneReport:
    """Run this machine's processes of a run that the first machine begins, and end with it."""
    began = time.monotonic()
    # Which the first machine begins anew.
    complete = is_complete(folder) and not settings.overwrite
    if complete:
        before = read_manifest(folder / RUN).get("identity")
        refuse_other(folder, before, identity, hint="give this run another --name")
        return _report(plan, launch, folder, Beginning(complete=True), seconds=0.0)
    job = wait_for_job(folder, identity=identity, listener=listener)
    launch = replace(launch, port=job.port)
    plan = Plan(**job.plan)
    step = 0 if job.checkpoint is None else int(job.checkpoint.rpartition("-")[2])
    follow(launch, plan, folder, step=step, listener=listener, pulse=Pulse(folder, job.start))
    return _report(plan, launch, folder, Beginning(), seconds=time.monotonic() - began)


def _tell(plan: Plan, listener: Listener) -> None:
    for line in plan.lines():
        listener.message(line)


def _tell_unscored(folder: Path, opened: OpenedImages, listener: Listener) -> None:
    """Say that a complete run was not scored on the gold that is named now."""
    asked, done = opened.evaluation, read_manifest(folder / RUN).get("evaluation")
    if asked is not None and (done is None or done["gold_sha256"] != asked["sha256"]):
        listener.message(
            f"it was not scored on {asked['gold']}: "
            f"vsdkit infer {asked['gold']} --adapter {folder}, then vsdkit score"
        )


def _plan_again(
    settings: FinetuneSettings, opened: OpenedImages, plan: Plan, listener: Listener
) -> Plan:
    """Return the numbers of the run without the rows that are left out."""
    if not opened.left_out_rows:
        return plan
    fewer = plan_fewer(
        plan,
        settings,
        rows=plan.rows - len(opened.left_out_rows),
        pictures=len(opened.images.files),
    )
    _tell(fewer, listener)
    return fewer


def _plan(
    settings: FinetuneSettings, commit: str, *, rows: int, pictures: int
) -> tuple[Plan, Any, str]:
    """Return the numbers of the run, the base's configuration, and the number format."""
    import torch

    from vsdkit.model.bases import check_base
    from vsdkit.model.precision import choose_precision

    config = check_base(settings.base, image_mode=settings.image_mode, commit=commit)
    plan = make_plan(
        settings,
        rows=rows,
        pictures=pictures,
        visible_gpus=torch.cuda.device_count(),
        config=config,
    )
    # A GPU is asked by the processes that use it: asked here, it would give this process some of
    # its memory for as long as the run lasts, and in a run on other machines it is not here.
    on_gpu = plan.device == "cuda"
    precision = (
        settings.precision if on_gpu else choose_precision("cpu", settings.precision).dtype_name
    )
    return plan, config, precision


def _name(settings: FinetuneSettings, identity: Mapping[str, Any]) -> str:
    from hashlib import sha256

    digest = sha256(orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return f"{Path(settings.base).name}-{settings.image_mode}-{digest[:8]}"


def _forget_later_steps(folder: Path, step: int) -> None:
    """Remove what the steps behind the checkpoint left: they are done again."""
    if (folder / METRICS).exists():
        kept = [row for _, row in read_appended(folder / METRICS) if row["step"] <= step]
        write_rows(folder / METRICS, kept)
    for old in folder.glob(FAILURE.format(rank="*")):
        old.unlink()


def _report(
    plan: Plan, launch: Launch, folder: Path, beginning: Beginning, *, seconds: float
) -> FinetuneReport:
    record = read_manifest(folder / RUN)
    return FinetuneReport(
        plan,
        shlex.join(launch.command()),
        folder,
        resumed_from=beginning.step or None,
        was_complete=beginning.complete,
        last_loss=record["last_loss"],
        # Which a run of an older version does not have.
        summary=record.get("summary"),
        seconds=round(seconds, 1),
        evaluation=record.get("evaluation"),
    )
