"""Fine-tuning from the parent's side: check, plan, start the launcher, follow it to its end."""

from __future__ import annotations

import os
import shlex
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from vsdkit.data.jsonl import read_appended, read_rows, require_folder, write_rows
from vsdkit.errors import ConfigError, VsdkitError
from vsdkit.finetune.base import prepare_base
from vsdkit.finetune.folder import (
    TRAIN_ELSEWHERE,
    Beginning,
    make_identity,
    open_run,
    refuse_other_images,
    remove_checkpoints,
    remove_run,
    why_refused,
)
from vsdkit.finetune.follow import follow
from vsdkit.finetune.job import Job
from vsdkit.finetune.machines import (
    check_machines,
    make_launch,
    wait_for_job,
)
from vsdkit.finetune.plan import Plan, make_plan, plan_fewer
from vsdkit.finetune.planned import Planned
from vsdkit.finetune.preflight import Inputs, OpenedImages, check_inputs, open_images
from vsdkit.finetune.report import FinetuneReport
from vsdkit.finetune.report_to import require_reporters
from vsdkit.finetune.start_weights import find_start
from vsdkit.launch.environment import carried_environment
from vsdkit.launch.failure import FAILURE, Failure
from vsdkit.launch.heartbeat import Pulse, beating
from vsdkit.manifest import read_manifest, refuse_other
from vsdkit.model.base_files import base_commit
from vsdkit.model.bases import family_of, is_at_hand
from vsdkit.model.run_folder import METRICS, RUN, is_complete
from vsdkit.model.serving import serve_adapter
from vsdkit.progress import SILENT, Listener
from vsdkit.settings.finetune import FinetuneSettings

if TYPE_CHECKING:
    from vsdkit.finetune.dry_run_report import DryRunReport

__all__ = ["finetune"]


def finetune(
    settings: FinetuneSettings,
    *,
    listener: Listener = SILENT,
    origins: Mapping[str, str] | None = None,
) -> FinetuneReport | DryRunReport:
    """Train a LoRA adapter with the deepspeed launcher, or go on where a run was stopped.

    Args:
        settings: What to train, on what.
        listener: Hears the numbers, the command and the progress.
        origins: Where each setting came from, for run.json.

    Returns:
        What was planned and done; the adapter is in ``report.folder``. Of a dry run, what it will
        be and take.

    Raises:
        ConfigError: If settings contradict each other, the machine, or the run in the folder.
        DataError: If a row or an image is wrong.
        MissingInputError: If rows, images, base or launcher are not there.
        ChildFailedError: If training ended without its completion mark.
    """
    require_reporters(settings.report_to)
    check_machines(settings)
    inputs = check_inputs(settings, listener=listener)
    planned = _make_planned(settings, inputs, dict(origins or {}), listener)
    if settings.dry_run:
        from vsdkit.finetune.dry_run import describe_run

        opened = open_images(settings, inputs, listener=listener)
        planned = _without_left_out(planned, opened, listener)
        why = "" if settings.overwrite else why_refused(planned.folder, planned.identity)
        # Of a machine that is only named, a run in this folder says nothing.
        if why and settings.gpu is None:
            listener.message(f"warning: the run would be refused in {planned.folder}: {why}")
        return describe_run(planned, opened, listener=listener)
    if settings.node_rank:
        return _join(planned, listener)
    return _train(planned, listener)


def _make_planned(
    settings: FinetuneSettings, inputs: Inputs, origins: Mapping[str, str], listener: Listener
) -> Planned:
    # Whoever only plans need not have the base, nor reach the hub.
    here = not settings.dry_run or is_at_hand(settings.base)
    commit = base_commit(settings.base) if here else None
    plan, config, precision = _plan(settings, inputs, commit)
    if not settings.dry_run:
        _tell(plan, listener)
    start = find_start(settings, config, listener=listener)
    identity = make_identity(
        settings, plan, inputs, precision=precision, base_commit=commit or "", start=start
    )
    folder = (settings.runs / (settings.name or _name(settings, identity))).absolute()
    if start is not None:
        start.refuse_within(folder)
    launch = make_launch(settings, plan, folder)
    return Planned(settings, origins, inputs, config, commit, plan, identity, launch, folder)


def _train(planned: Planned, listener: Listener) -> FinetuneReport:
    """Train on this machine, or begin what others join."""
    settings, inputs, folder = planned.settings, planned.inputs, planned.folder
    if settings.plots is not None:
        require_folder(settings.plots)
    with (
        open_run(folder, identity=planned.identity, overwrite=settings.overwrite) as beginning,
        beating(folder) as pulse,
    ):
        for name in beginning.half_written:
            listener.message(f"{name} is half written or cut off: skipped")
        opened = open_images(settings, inputs, listener=listener, opened=beginning.images)
        refuse_other_images(folder, beginning, opened.images)
        planned = _without_left_out(planned, opened, listener)
        if beginning.complete:
            listener.message(f"complete already: {folder}")
            _tell_unscored(folder, opened, listener)
            remove_checkpoints(folder)
            return _draw(_report(planned, beginning, seconds=0.0), settings, listener)
        prepare_base(
            settings.base,
            planned.config,
            inputs.conversation,
            commit=str(planned.commit),
            weights=True,
            listener=listener,
        )
        if settings.overwrite:
            remove_run(folder)
        _forget_later_steps(folder, beginning.step)
        # In a new folder job.json comes first: a folder without it is nobody's run.
        Job(
            folder=str(folder),
            settings=settings.model_dump(mode="json"),
            plan=planned.plan.to_dict(),
            identity=dict(planned.identity) | opened.images.identity(),
            rows=inputs.rows.files,
            images=opened.images.files,
            left_out_rows=opened.left_out_rows,
            template=inputs.template.text,
            conversation=inputs.conversation.text,
            checkpoint=None if beginning.checkpoint is None else str(beginning.checkpoint.path),
            origins=dict(planned.origins),
            argv=sys.argv[1:],
            parent=os.getpid(),
            host=socket.gethostname(),
            evaluation=opened.evaluation,
            start=pulse,
            port=planned.launch.port,
            environment=carried_environment(planned.launch.environment()),
        ).write()
        began = time.monotonic()
        follow(planned.launch, planned.plan, folder, step=beginning.step, listener=listener)
        remove_checkpoints(folder)
        report = _report(planned, beginning, seconds=time.monotonic() - began)
        return _draw(report, settings, listener)


def _draw(report: FinetuneReport, settings: FinetuneSettings, listener: Listener) -> FinetuneReport:
    """Draw the run if that is asked for; what was trained is reported all the same."""
    if settings.plots is None:
        return report
    # Matplotlib loads here: a run without plots does without.
    from vsdkit.plots import Run, plot_curves

    rows = [row for _, row in read_rows(report.folder / METRICS)]
    try:
        plot_curves(settings.plots, [Run(report.folder.name, rows)], listener=listener)
    except VsdkitError as error:
        return replace(report, failures=(error,))
    return report


def _join(planned: Planned, listener: Listener) -> FinetuneReport:
    """Run this machine's processes of a run that the first machine begins, and end with it."""
    folder, identity = planned.folder, planned.identity
    began = time.monotonic()
    # Which the first machine begins anew.
    complete = is_complete(folder) and not planned.settings.overwrite
    if complete:
        before = read_manifest(folder / RUN).get("identity")
        refuse_other(folder, before, identity, hint="give this run another --name")
        return _report(planned, Beginning(complete=True), seconds=0.0)
    try:
        job = wait_for_job(folder, identity=identity, listener=listener)
    except ConfigError as error:
        # The first machine waits for processes that will not come: it is told why.
        rank = int(planned.settings.node_rank or 0) * planned.plan.processes_a_machine
        Failure.of(error, rank=rank, folder=folder, elsewhere=TRAIN_ELSEWHERE).write(folder)
        raise
    launch, plan = replace(planned.launch, port=job.port), Plan(**job.plan)
    step = 0 if job.checkpoint is None else int(job.checkpoint.rpartition("-")[2])
    follow(launch, plan, folder, step=step, listener=listener, pulse=Pulse(folder, job.start))
    joined = replace(planned, launch=launch, plan=plan)
    return _report(joined, Beginning(), seconds=time.monotonic() - began)


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


def _without_left_out(planned: Planned, opened: OpenedImages, listener: Listener) -> Planned:
    """Return the run without the rows that are left out."""
    if not opened.left_out_rows:
        return planned
    plan = plan_fewer(
        planned.plan,
        planned.settings,
        rows=planned.plan.rows - len(opened.left_out_rows),
        pictures=planned.plan.pictures - len(opened.images.broken),
    )
    if not planned.settings.dry_run:
        _tell(plan, listener)
    return replace(planned, plan=plan)


def _plan(settings: FinetuneSettings, inputs: Inputs, commit: str | None) -> tuple[Plan, Any, str]:
    """Return the numbers of the run, the base's configuration, and the number format."""
    import torch

    from vsdkit.model.bases import check_base
    from vsdkit.model.precision import choose_precision

    config = check_base(
        settings.base,
        image_mode=settings.image_mode,
        commit=commit,
        only_plans=settings.dry_run,
    )
    plan = make_plan(
        settings,
        rows=len(inputs.rows),
        pictures=len(inputs.images.paths) + len(inputs.images.missing),
        # Of a machine that is planned for, as many as are asked for.
        visible_gpus=(settings.gpus or 1) if settings.gpu else torch.cuda.device_count(),
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
    # Of a dry run without the base it cannot be known.
    told = digest[:8] if identity["base_commit"] else "DIGEST"
    return f"{Path(settings.base).name}-{settings.image_mode}-{told}"


def _forget_later_steps(folder: Path, step: int) -> None:
    """Remove what the steps behind the checkpoint left: they are done again."""
    if (folder / METRICS).exists():
        kept = [row for _, row in read_appended(folder / METRICS) if row["step"] <= step]
        write_rows(folder / METRICS, kept)
    for old in folder.glob(FAILURE.format(rank="*")):
        old.unlink()


def _report(planned: Planned, beginning: Beginning, *, seconds: float) -> FinetuneReport:
    record, settings = read_manifest(planned.folder / RUN), planned.settings
    return FinetuneReport(
        planned.plan,
        shlex.join(planned.launch.command()),
        planned.folder,
        resumed_from=beginning.step or None,
        was_complete=beginning.complete,
        last_loss=record["last_loss"],
        # Which a run of an older version does not have.
        summary=record.get("summary"),
        serving=serve_adapter(
            planned.folder,
            base=settings.base,
            family=family_of(planned.config),
            image_mode=settings.image_mode,
            rank=settings.lora_rank,
            projector_trained=settings.train_projector,
        ).line,
        seconds=round(seconds, 1),
        evaluation=record.get("evaluation"),
    )
