"""A run's folder: new, to go on with, or complete; one run at a time in it."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsdkit.errors import ConfigError, DataError, MissingInputError, VsdkitError
from vsdkit.finetune.job import CHECKPOINTS, JOB, RUN, WHOLE, last_checkpoint
from vsdkit.manifest import read_manifest

if TYPE_CHECKING:
    from vsdkit.finetune.plan import Plan
    from vsdkit.finetune.preflight import Inputs
    from vsdkit.settings.finetune import FinetuneSettings

__all__ = ["Beginning", "is_complete", "make_identity", "open_run", "remove_checkpoints"]

_LOCK = ".lock"
_NOT_THE_RESULT = {
    "instructions",
    "images",
    "name",
    "runs",
    "gpus",
    "hostfile",
    "template",
    "conversation",
    "zero_stage",
    "gradient_checkpointing",
    "per_device_batch_size",
    "save_steps",
    "loader_workers",
    "dry_run",
    "overwrite",
}
"""Settings that name places or manners; their outcome, where it counts, is added from the plan."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a run begins."""

    complete: bool
    checkpoint: Path | None
    step: int
    """Steps done."""


def make_identity(settings: FinetuneSettings, plan: Plan, inputs: Inputs) -> dict[str, Any]:
    """Return what must be the same for a run to go on: a changed value is another run."""
    return settings.model_dump(mode="json", exclude=_NOT_THE_RESULT) | {
        "instructions": inputs.digest,
        "template": sha256(inputs.template.text.encode()).hexdigest(),
        "conversation": sha256(inputs.conversation.text.encode()).hexdigest(),
        "processes": plan.processes,
        "per_device_batch_size": plan.per_device_batch_size,
        "zero_stage": plan.zero_stage,
    }


@contextmanager
def open_run(folder: Path, *, identity: Mapping[str, Any], overwrite: bool) -> Iterator[Beginning]:
    """Hold a run's folder and yield where it begins.

    Args:
        folder: The run's.
        identity: From ``make_identity``.
        overwrite: Remove an older run first.

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
    with _locked(folder):
        if overwrite:
            _clear(folder)
        yield _begin(folder, identity)


def is_complete(folder: Path) -> bool:
    """Say whether the completion mark is there."""
    try:
        return read_manifest(folder / RUN).get("complete") is True
    except (MissingInputError, DataError):
        return False


def remove_checkpoints(folder: Path) -> None:
    """Remove what is needed only to go on: several times the size of the adapter."""
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)


def _begin(folder: Path, identity: Mapping[str, Any]) -> Beginning:
    # The lock, and what a killed process left of its first file.
    if all(path.name.startswith(".") for path in folder.iterdir()):
        return Beginning(complete=False, checkpoint=None, step=0)
    complete = is_complete(folder)
    source = folder / (RUN if complete else JOB)
    if not source.is_file():
        raise ConfigError(
            "this folder is there and holds no run",
            where=str(folder),
            hint="give the run another --name",
        )
    _compare(read_manifest(source).get("identity", {}), identity, folder)
    if complete:
        return Beginning(complete=True, checkpoint=None, step=0)
    for path in (folder / CHECKPOINTS).glob("checkpoint-*"):
        if not (path / WHOLE).is_file():
            # The Trainer would count it and remove a whole one instead.
            shutil.rmtree(path)
    checkpoint, step = last_checkpoint(folder) or (None, 0)
    return Beginning(complete=False, checkpoint=checkpoint, step=step)


def _compare(before: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    names = sorted(set(before) | set(now))
    changed = [name for name in names if before.get(name) != now.get(name)]
    if changed:
        shown = "; ".join(
            f"{name}: {_short(before.get(name))} -> {_short(now.get(name))}" for name in changed
        )
        raise ConfigError(
            f"a run with other settings is there: {shown}",
            where=str(folder),
            hint="give this run another --name, or begin anew with --overwrite",
        )


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:12]}..."


def _clear(folder: Path) -> None:
    content = [path for path in folder.iterdir() if path.name != _LOCK]
    if content and not any((folder / name).is_file() for name in (JOB, RUN)):
        raise ConfigError(
            "this folder holds no run: it is not removed",
            where=str(folder),
            hint="give the run another --name, or empty the folder yourself",
        )
    for path in content:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                "another process is training in this folder",
                where=str(folder),
                hint="wait for it, or give this run another --name",
            ) from error
        except OSError:
            # A file system without locks: nothing can be said.
            pass
        yield
