"""Fine-tuning from the parent's side: check, plan, start the launcher, follow it to its end."""

from __future__ import annotations

import os
import shlex
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import orjson

from vsdkit import errors
from vsdkit.data.jsonl import read_appended, write_rows
from vsdkit.errors import ChildFailedError, VsdkitError
from vsdkit.finetune.dry_run_report import DryRunReport
from vsdkit.finetune.folder import (
    Beginning,
    make_identity,
    open_run,
    refuse_other_images,
    remove_checkpoints,
    remove_run,
)
from vsdkit.finetune.job import Job
from vsdkit.finetune.plan import Plan, make_plan, plan_fewer
from vsdkit.finetune.preflight import OpenedImages, check_inputs, open_images
from vsdkit.launch import Launch, free_port, last_lines
from vsdkit.manifest import read_manifest
from vsdkit.model.run_folder import FAILURE, JOB, LOG, METRICS, RUN, is_complete
from vsdkit.progress import SILENT, Listener, Tracker
from vsdkit.reporting import Report, Table
from vsdkit.settings.finetune import FinetuneSettings

__all__ = ["FinetuneReport", "finetune"]

_WORKER = "vsdkit.finetune.worker"
_SHOWN_LINES = 15


@dataclass(frozen=True, slots=True)
class FinetuneReport(Report):
    """What a run is made of, and what came out."""

    plan: Plan
    """The numbers of the run."""
    command: str
    """The launcher's command line."""
    folder: Path
    """The run's folder."""
    resumed_from: int | None = None
    """Step of the checkpoint that it went on from."""
    was_complete: bool = False
    """Whether it was there already."""
    last_loss: float | None = None
    """Loss of the last step."""
    seconds: float | None = None
    """What this call took to train."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        return {
            "folder": str(self.folder),
            **self.plan.to_dict(),
            "last_loss": self.last_loss,
            "resumed_from": self.resumed_from,
            "was_complete": self.was_complete,
            "seconds": self.seconds,
            "command": self.command,
        }

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
            ("last loss", self.last_loss),
            ("seconds", self.seconds),
            ("folder", str(self.folder)),
        ]
        return [Table(("", "value"), rows)]


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
    inputs = check_inputs(settings, listener=listener)
    plan, config, precision = _plan(
        settings,
        rows=len(inputs.rows),
        pictures=len(inputs.images.paths) + len(inputs.images.missing),
    )
    if not settings.dry_run:
        _tell(plan, listener)
    identity = make_identity(settings, plan, inputs, precision=precision)
    folder = (settings.runs / (settings.name or _name(settings, identity))).absolute()
    launch = Launch(
        _WORKER,
        folder / JOB,
        processes=plan.processes_a_machine,
        device=plan.device,
        hostfile=settings.hostfile,
        port=None if settings.hostfile else free_port(),
    )
    if settings.dry_run:
        from vsdkit.finetune.dry_run import Planned, describe_run

        opened = open_images(settings, inputs, listener=listener)
        plan = _plan_again(settings, opened, plan, listener)
        planned = Planned(settings, origins or {}, inputs, opened, config, plan, launch, folder)
        return describe_run(planned, listener=listener)
    with open_run(folder, identity=identity, overwrite=settings.overwrite) as beginning:
        opened = open_images(settings, inputs, listener=listener, opened=beginning.images)
        refuse_other_images(folder, beginning, opened.images)
        plan = _plan_again(settings, opened, plan, listener)
        if beginning.complete:
            listener.message(f"complete already: {folder}")
            remove_checkpoints(folder)
            return _report(plan, launch, folder, beginning, seconds=0.0)
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
        ).write()
        began = time.monotonic()
        _train(launch, plan, folder, beginning, listener)
        remove_checkpoints(folder)
        return _report(plan, launch, folder, beginning, seconds=time.monotonic() - began)


def _tell(plan: Plan, listener: Listener) -> None:
    for line in plan.lines():
        listener.message(line)


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
        pictures=plan.pictures - len(opened.images.broken),
    )
    if not settings.dry_run:
        _tell(fewer, listener)
    return fewer


def _plan(settings: FinetuneSettings, *, rows: int, pictures: int) -> tuple[Plan, Any, str]:
    """Return the numbers of the run, the base's configuration, and the number format."""
    import torch

    from vsdkit.model.bases import check_base
    from vsdkit.model.precision import choose_precision

    config = check_base(settings.base, image_mode=settings.image_mode, only_plans=settings.dry_run)
    plan = make_plan(
        settings,
        rows=rows,
        pictures=pictures,
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
    return f"{Path(settings.base).name}-{settings.image_mode}-{digest[:8]}"


def _forget_later_steps(folder: Path, step: int) -> None:
    """Remove what the steps behind the checkpoint left: they are done again."""
    if (folder / METRICS).exists():
        kept = [row for _, row in read_appended(folder / METRICS) if row["step"] <= step]
        write_rows(folder / METRICS, kept)
    for old in folder.glob(FAILURE.format(rank="*")):
        old.unlink()


def _train(
    launch: Launch, plan: Plan, folder: Path, beginning: Beginning, listener: Listener
) -> None:
    listener.message(shlex.join(launch.command()))
    listener.message(f"log: {folder / LOG}")
    if beginning.step:
        listener.message(f"going on from step {beginning.step:,}")
    with listener.track("fine-tuning", total=plan.steps) as tracker:
        follower = _Follower(folder / METRICS, tracker)
        exit_code = launch.run(log=folder / LOG, tick=follower.tick)
    if not is_complete(folder):
        _raise_failure(folder, plan.processes, exit_code)


class _Follower:
    """Moves the bar as lines are appended to metrics.jsonl."""

    def __init__(self, path: Path, tracker: Tracker) -> None:
        self._path = path
        self._tracker = tracker
        self._place = 0

    def tick(self) -> None:
        """Read the lines that are whole and new."""
        if not self._path.is_file():
            return
        with self._path.open("rb") as file:
            file.seek(self._place)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._place += len(whole)
        lines = whole.splitlines()
        if lines:
            self._tracker.advance(len(lines), loss=orjson.loads(lines[-1])["loss"])


def _raise_failure(folder: Path, processes: int, exit_code: int) -> NoReturn:
    """Raise what the first process that failed said, or what the log says last."""
    failures = [orjson.loads(path.read_bytes()) for path in folder.glob(FAILURE.format(rank="*"))]
    if failures:
        first = min(failures, key=lambda failure: failure["time"])
        kind = getattr(errors, first["type"], None)
        if isinstance(kind, type) and issubclass(kind, VsdkitError):
            raise kind(first["message"], where=first["where"], hint=first["hint"])
        lines = first["traceback"].splitlines()[-_SHOWN_LINES:]
        what = f"training process {first['rank']} failed: {first['type']}"
        silent = sorted(set(range(processes)) - {failure["rank"] for failure in failures})
        if silent and "Connection" in first["message"]:
            # It only lost sight of another one, which is the one that failed.
            what = (
                f"training process {silent[0]} of {processes} ended without a word: killed, "
                "perhaps for memory"
            )
    else:
        lines = last_lines(folder / LOG, _SHOWN_LINES)
        what = f"training ended without its completion mark (the launcher's exit code: {exit_code})"
    hint = "run the same command again: it goes on from the last checkpoint"
    if any("OutOfMemory" in line for line in lines):
        hint = "take fewer rows at once: --per-device-batch-size; --dry-run says what fits"
    shown = "\n".join(f"    {line}" for line in lines)
    raise ChildFailedError(f"{what}\n{shown}", where=str(folder / LOG), hint=hint)


def _report(
    plan: Plan, launch: Launch, folder: Path, beginning: Beginning, *, seconds: float
) -> FinetuneReport:
    return FinetuneReport(
        plan,
        shlex.join(launch.command()),
        folder,
        resumed_from=beginning.step or None,
        was_complete=beginning.complete,
        last_loss=read_manifest(folder / RUN)["last_loss"],
        seconds=round(seconds, 1),
    )
