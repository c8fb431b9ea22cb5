"""One training process: ``python -m vsdkit.finetune.worker runs/NAME/job.json``.

The deepspeed launcher starts it. It ends when whoever started it is gone, and leaves its error as
a file, so that the parent can name it.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from vsdkit.errors import VsdkitError
from vsdkit.finetune.failure import Failure
from vsdkit.finetune.folder import half_written
from vsdkit.finetune.heartbeat import Pulse
from vsdkit.finetune.job import Job
from vsdkit.launch import PARENT, restore_visible_gpus
from vsdkit.model.run_folder import is_complete

__all__ = ["main"]

_WATCH_S = 0.5
"""Between two looks at whether the launcher and the parent are there."""
_PULSE_EVERY = 4
"""Of these looks one is at the heartbeat: a shared disk is not asked twice a second."""


def main() -> None:
    """Train this process's share of the job in the file that the first argument names."""
    restore_visible_gpus()
    job = Job.read(Path(sys.argv[1]))
    _set_environment(job)
    _watch(job)
    try:
        _prepare_deepspeed(job)
        from vsdkit.finetune.train import train

        train(job)
        _wait_for_all()
    except Exception as error:
        _leave_error(job, error)
        raise
    _end()


def _set_environment(job: Job) -> None:
    """Set the parent's variables, before what reads them at its import is imported."""
    for name, value in job.environment.items():
        # What a machine sets itself stands: its own cache, its own network interface.
        os.environ.setdefault(name, value)


def _wait_for_all() -> None:
    """Return when every process has come here: the launcher ends all when it sees one fail.

    If another process has failed, gloo raises as its connection closes; under NCCL the launcher
    ends this process.
    """
    import torch

    if torch.distributed.is_initialized():
        torch.distributed.barrier()


def _end() -> NoReturn:
    """End this process with exit code 0, without Python's own end.

    The threads of torch's process group still run and may let go of a tensor while the interpreter
    goes down, which aborts the process: a finished run would count as failed.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _watch(job: Job) -> None:
    """End this process when the launcher or the parent is gone: nobody trains unseen."""
    launcher = os.getppid()
    starter = int(os.environ.get(PARENT, "0"))
    here = socket.gethostname() == job.host
    parents = {pid for pid in (starter, job.parent if here else 0) if pid}
    # A parent on another machine cannot be looked at; its heartbeat can.
    pulse = None if here and starter == job.parent else Pulse(Path(job.folder), job.start)

    def is_left_alone(look: int) -> bool:
        if os.getppid() != launcher or any(_is_gone(parent) for parent in parents):
            return True
        if pulse is None or look % _PULSE_EVERY:
            return False
        pulse.look()
        # The parent removes its heartbeat after a good end too.
        return pulse.stopped and not is_complete(Path(job.folder))

    def watch() -> None:
        look = 0
        while not is_left_alone(look):
            look += 1
            time.sleep(_WATCH_S)
        # Not sys.exit: that would end this thread alone.
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _is_gone(process: int) -> bool:
    import psutil

    try:
        # Killed, and not yet collected by whoever started it.
        return bool(psutil.Process(process).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _prepare_deepspeed(job: Job) -> None:
    if job.plan["device"] == "cpu":
        import deepspeed

        # It would be compiled for a minute or more; gloo does the same here.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def _leave_error(job: Job, error: Exception) -> None:
    folder = Path(job.folder)
    failure = Failure.of(error, rank=int(os.environ.get("RANK", "0")), folder=folder)
    try:
        failure.write(folder)
    except VsdkitError:
        # The disk is full: what is of no use makes room for the word.
        for path in half_written(folder):
            shutil.rmtree(path, ignore_errors=True)
        with suppress(VsdkitError):
            failure.write(folder)


if __name__ == "__main__":
    main()
