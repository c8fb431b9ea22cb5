"""Where a run begins in its folder: new, to go on with, or complete; one run at a time in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from vsdkit.data.images import CheckedImages, ImageFile
from vsdkit.data.images.folders import first_few
from vsdkit.data.jsonl import hold_file, open_atomic
from vsdkit.errors import ConfigError, VsdkitError
from vsdkit.finetune.job import Job
from vsdkit.launch.heartbeat import HEARTBEAT, end_left_behind
from vsdkit.manifest import read_manifest, refuse_other
from vsdkit.model.run_folder import CHECKPOINTS, JOB, RUN, WHOLE, is_complete

if TYPE_CHECKING:
    from vsdkit.finetune.plan import Plan
    from vsdkit.finetune.preflight import Inputs
    from vsdkit.finetune.start_weights import StartWeights
    from vsdkit.settings.finetune import FinetuneSettings

__all__ = [
    "TRAIN_ELSEWHERE",
    "Beginning",
    "Checkpoint",
    "half_written",
    "last_checkpoint",
    "make_identity",
    "mark_whole",
    "open_run",
    "refuse_other_images",
    "remove_checkpoints",
    "remove_run",
    "whole_checkpoints",
    "why_refused",
]

TRAIN_ELSEWHERE = "train elsewhere: --runs FOLDER"
"""What can be done where the disk is full."""
_LOCK = ".lock"
_OTHER_NAME = "give this run another --name, or begin anew with --overwrite"


class Checkpoint(NamedTuple):
    """A whole checkpoint of a run."""

    path: Path
    step: int
    """Steps done."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a run begins."""

    complete: bool = False
    checkpoint: Checkpoint | None = None
    images: Mapping[str, ImageFile] = field(default_factory=dict)
    """The images as an earlier start of this run opened them."""
    identity: Mapping[str, Any] | None = None
    """The identity of that start; None if there was none."""
    half_written: tuple[str, ...] = ()
    """Checkpoints that a stopped run was writing; they are removed."""

    @property
    def step(self) -> int:
        """Steps done."""
        return 0 if self.checkpoint is None else self.checkpoint.step


def make_identity(
    settings: FinetuneSettings,
    plan: Plan,
    inputs: Inputs,
    *,
    precision: str,
    base_commit: str,
    start: StartWeights | None = None,
) -> dict[str, Any]:
    """Return what must be the same for a run to go on: a changed value is another run.

    The images belong to it too (``CheckedImages.identity``), but opening them takes minutes, and
    what differs here is told at once: ``refuse_other_images`` compares them.

    Args:
        settings: What is asked for.
        plan: What follows from it on this machine.
        inputs: What the settings name.
        precision: The number format, or ``auto`` where only the training processes know it.
        base_commit: Of the base's files.
        start: The weights that the run begins from; None begins anew.
    """
    return settings.identity(
        base_commit=base_commit,
        instructions=inputs.rows.digest,
        template=sha256(inputs.template.text.encode()).hexdigest(),
        conversation=sha256(inputs.conversation.text.encode()).hexdigest(),
        precision=precision,
        resume_from=None if start is None else start.sha256,
        gpus=plan.processes_a_machine,
        # Of all machines: how a step's rows are shared out decides which dropout they meet.
        processes=plan.processes,
        per_device_batch_size=plan.per_device_batch_size,
        zero_stage=plan.zero_stage,
    )


@contextmanager
def open_run(folder: Path, *, identity: Mapping[str, Any], overwrite: bool) -> Iterator[Beginning]:
    """Hold a run's folder and yield where it begins.

    Args:
        folder: The run's.
        identity: From ``make_identity``.
        overwrite: Begin anew whatever run is there; ``remove_run`` removes it, once everything
            that could be wrong with the new one was looked at.

    Raises:
        ConfigError: If it holds a run of other settings, no run at all, or somebody else trains
            in it.
        VsdkitError: If the folder cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _LOCK).touch()
    except OSError as error:
        raise VsdkitError(
            f"cannot write: {error.strerror}",
            where=str(folder),
            hint="name another place: --runs FOLDER",
        ) from error
    with (folder / _LOCK).open("w") as file:
        hold_file(
            file,
            folder,
            doing="training in this folder",
            instead="give this run another --name",
        )
        if overwrite:
            _refuse_foreign(folder)
        if (folder / HEARTBEAT).is_file():
            job = folder / JOB
            several = job.is_file() and Job.read(job).settings.get("hostfile") is not None
            end_left_behind(folder, elsewhere=several)
        yield Beginning() if overwrite else _begin(folder, identity)


def refuse_other_images(folder: Path, beginning: Beginning, images: CheckedImages) -> None:
    """Raise if a run in this folder was begun with other images.

    Args:
        folder: The run's.
        beginning: Where the run begins.
        images: The images as they are now.

    Raises:
        ConfigError: If the content of any has changed, or others are left out; the first few that
            have changed are named.
    """
    if beginning.identity is None:
        return
    changed = [
        name
        for name, file in images.files.items()
        if name in beginning.images and beginning.images[name].sha256 != file.sha256
    ]
    named = f"{len(changed):,} pictures have changed: {first_few(changed)}; " if changed else ""
    refuse_other(folder, beginning.identity, images.identity(), hint=named + _OTHER_NAME)


def last_checkpoint(folder: Path) -> Checkpoint | None:
    """Return a run's last whole checkpoint; half-written ones are passed over."""
    return next(reversed(whole_checkpoints(folder)), None)


def whole_checkpoints(folder: Path) -> list[Checkpoint]:
    """Return a run's whole checkpoints, the earliest first."""
    whole = [
        Checkpoint(path, int(number))
        for path in (folder / CHECKPOINTS).glob("checkpoint-*")
        if (number := path.name.removeprefix("checkpoint-")).isdecimal() and _is_whole(path)
    ]
    return sorted(whole, key=lambda checkpoint: checkpoint.step)


def half_written(folder: Path) -> list[Path]:
    """Return a run's checkpoints that lack their mark, or a part of what they had with it.

    The run was stopped while it wrote them, or something was cut off since.
    """
    found = (folder / CHECKPOINTS).glob("checkpoint-*")
    return sorted(path for path in found if not _is_whole(path))


def mark_whole(checkpoint: Path) -> None:
    """Mark a checkpoint that every process has written: its files and their sizes, on the disk."""
    files = [path for path in sorted(checkpoint.rglob("*")) if path.is_file()]
    for path in files:
        _sync(path)
    sizes = {str(path.relative_to(checkpoint)): path.stat().st_size for path in files}
    with open_atomic(checkpoint / WHOLE) as file:
        file.write(orjson.dumps(sizes).decode())


def _is_whole(checkpoint: Path) -> bool:
    try:
        sizes = orjson.loads((checkpoint / WHOLE).read_bytes() or b"{}")
        return all((checkpoint / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False


def _sync(path: Path) -> None:
    """Return when a file is on the disk: after a power cut the mark must not stand for less."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def why_refused(folder: Path, identity: Mapping[str, Any]) -> str:
    """Return why a run would be refused because of what its folder holds; empty if it would not.

    Args:
        folder: The run's; nothing in it is changed.
        identity: From ``make_identity``.
    """
    record = folder / (RUN if is_complete(folder) else JOB)
    if not record.is_file():
        return ""
    try:
        refuse_other(folder, read_manifest(record).get("identity"), identity)
    except ConfigError as error:
        return error.message
    return ""


def remove_checkpoints(folder: Path) -> None:
    """Remove what is needed only to go on: several times the size of the adapter."""
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)


def remove_run(folder: Path) -> None:
    """Remove an older run from a folder that ``open_run`` holds."""
    for path in _content(folder):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _begin(folder: Path, identity: Mapping[str, Any]) -> Beginning:
    # The lock, and what a killed process left of its first file.
    if all(path.name.startswith(".") for path in folder.iterdir()):
        return Beginning()
    complete = is_complete(folder)
    record = folder / (RUN if complete else JOB)
    if not record.is_file():
        raise ConfigError(
            "this folder is there and holds no run",
            where=str(folder),
            hint="give the run another --name",
        )
    before = read_manifest(record).get("identity")
    refuse_other(folder, before, identity, hint=_OTHER_NAME)
    job = folder / JOB
    images = Job.read(job).images if job.is_file() else {}
    if complete:
        return Beginning(complete=True, images=images, identity=before)
    half = half_written(folder)
    for path in half:
        # The Trainer would count it and remove a whole one instead.
        shutil.rmtree(path)
    return Beginning(
        checkpoint=last_checkpoint(folder),
        images=images,
        identity=before,
        half_written=tuple(path.name for path in half),
    )


def _content(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name not in {_LOCK, HEARTBEAT}]


def _refuse_foreign(folder: Path) -> None:
    if _content(folder) and not any((folder / name).is_file() for name in (JOB, RUN)):
        raise ConfigError(
            "this folder holds no run: it is not removed",
            where=str(folder),
            hint="give the run another --name, or empty the folder yourself",
        )
