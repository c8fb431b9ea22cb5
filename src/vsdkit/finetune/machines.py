"""A run on several machines: what is told to the launcher, and what the others wait for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vsdkit.errors import ChildFailedError, ConfigError
from vsdkit.finetune.job import Job
from vsdkit.finetune.plan import Plan
from vsdkit.launch import Launch, count_slots, free_port
from vsdkit.launch.heartbeat import PATIENCE_S, Pulse
from vsdkit.manifest import refuse_other
from vsdkit.model.run_folder import JOB, is_complete
from vsdkit.progress import Listener
from vsdkit.settings.finetune import FinetuneSettings

__all__ = [
    "check_machines",
    "make_launch",
    "wait_for_completion",
    "wait_for_job",
]

_WORKER = "vsdkit.finetune.worker"
_LOOK_S = 1.0
_SLOW_DISK_S = 60.0
"""NFS shows another machine's file at the latest when it looks again: 60 s with its defaults."""


def check_machines(settings: FinetuneSettings) -> None:
    """Raise if what is said of the machines does not fit together.

    Raises:
        ConfigError: If so.
        MissingInputError: If the host file is not there.
    """
    if settings.hostfile is None:
        for name in ("node_rank", "master_addr"):
            if getattr(settings, name) is not None:
                option = f"--{name.replace('_', '-')}"
                raise ConfigError(
                    f"{option} is for several machines, and they are not named",
                    where=name,
                    hint=f"name them: --hostfile FILE; or leave {option} out",
                )
        return
    machines = list(count_slots(settings.hostfile))
    if settings.node_rank is not None and settings.node_rank >= len(machines):
        raise ConfigError(
            f"there is no machine {settings.node_rank}: the host file has {len(machines)}, "
            f"counted from 0",
            where=f"--node-rank, {settings.hostfile}",
            hint="on Slurm: --node-rank $SLURM_NODEID, with a host file of all nodes of the job",
        )


def make_launch(settings: FinetuneSettings, plan: Plan, folder: Path) -> Launch:
    """Return what starts the processes of a run, those of this machine if it has a place."""
    port = settings.master_port
    if port is None and (settings.hostfile is None or settings.node_rank == 0):
        # The processes meet on this machine, so a port that is free here is free there.
        port = free_port()
    return Launch(
        _WORKER,
        folder / JOB,
        processes=plan.processes_a_machine,
        device=plan.device,
        hostfile=settings.hostfile,
        port=port,
        address=settings.master_addr,
        extra=settings.deepspeed_args,
        node_rank=settings.node_rank,
    )


def wait_for_job(folder: Path, *, identity: Mapping[str, Any], listener: Listener) -> Job:
    """Return the job of a run that the first machine has begun, when it has.

    A job.json may be there from an earlier start: what counts is the one whose heart beats.

    Args:
        folder: The run's, on a disk that all machines see.
        identity: What this machine makes of its settings and inputs.
        listener: Hears what is waited for.

    Raises:
        ChildFailedError: If nothing beats for a minute: it has not begun, has ended, or writes to
            another place.
        ConfigError: If this machine's settings or inputs are others.
    """
    listener.message(f"waiting for the first machine: {folder}")
    pulse = Pulse(folder)
    while not pulse.silent_s > PATIENCE_S:
        pulse.look()
        # The first look may find what a killed command left behind.
        if pulse.beats > 1 and (folder / JOB).is_file():
            job = Job.read(folder / JOB)
            if job.start == pulse.start:
                refuse_other(
                    folder,
                    job.identity,
                    identity,
                    hint="start every machine with the same settings and inputs",
                )
                return job
        time.sleep(_LOOK_S)
    raise ChildFailedError(
        f"the first machine did not begin this run within {PATIENCE_S:.0f} seconds",
        where=str(folder),
        hint="start the same command there with --node-rank 0, with --runs on a disk that all "
        "machines see; what it says there tells more",
    )


def wait_for_completion(
    folder: Path, *, failed: Callable[[], bool], seconds: float = _SLOW_DISK_S
) -> bool:
    """Say whether a run is complete, looking for a while, since a shared disk may be slow.

    Args:
        folder: The run's.
        failed: Says that there is nothing to wait for.
        seconds: How long to look.
    """
    until = time.monotonic() + seconds
    while not is_complete(folder):
        if failed() or time.monotonic() > until:
            return False
        time.sleep(_LOOK_S)
    return True
