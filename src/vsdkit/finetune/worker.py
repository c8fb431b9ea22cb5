"""One training process: ``python -m vsdkit.finetune.worker runs/NAME/job.json``.

The deepspeed launcher starts it. It ends when whoever started it is gone, and leaves its error as
a file, so that the parent can name it.
"""

from __future__ import annotations

import shutil
import sys
from contextlib import suppress
from pathlib import Path

from vsdkit.errors import VsdkitError
from vsdkit.finetune.folder import TRAIN_ELSEWHERE, half_written
from vsdkit.finetune.job import Job
from vsdkit.launch import restore_visible_gpus
from vsdkit.launch.environment import set_carried
from vsdkit.launch.failure import Failure
from vsdkit.launch.process import end_process, own_rank, watch_parent
from vsdkit.model.run_folder import is_complete

__all__ = ["main"]


def main() -> None:
    """Train this process's share of the job in the file that the first argument names."""
    restore_visible_gpus()
    job = Job.read(Path(sys.argv[1]))
    set_carried(job.environment)
    folder = Path(job.folder)
    watch_parent(
        job.parent,
        host=job.host,
        folder=folder,
        start=job.start,
        is_done=lambda: is_complete(folder),
    )
    try:
        _prepare_deepspeed(job)
        from vsdkit.finetune.train import train

        train(job)
        _wait_for_all()
    except Exception as error:
        _leave_error(job, error)
        raise
    end_process()


def _wait_for_all() -> None:
    """Return when every process has come here: the launcher ends all when it sees one fail.

    If another process has failed, gloo raises as its connection closes; under NCCL the launcher
    ends this process.
    """
    import torch

    if torch.distributed.is_initialized():
        torch.distributed.barrier()


def _prepare_deepspeed(job: Job) -> None:
    if job.plan["device"] == "cpu":
        import deepspeed

        # It would be compiled for a minute or more; gloo does the same here.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def _leave_error(job: Job, error: Exception) -> None:
    folder = Path(job.folder)
    failure = Failure.of(error, rank=own_rank(), folder=folder, elsewhere=TRAIN_ELSEWHERE)
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
