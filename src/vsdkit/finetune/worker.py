"""One training process: ``python -m vsdkit.finetune.worker runs/NAME/job.json``.

The deepspeed launcher starts it. It ends when whoever started it is gone, and leaves its error as
a file, so that the parent can name it.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import NoReturn

import orjson

from vsdkit.data.jsonl import open_atomic
from vsdkit.errors import VsdkitError
from vsdkit.finetune.job import Job
from vsdkit.launch import restore_visible_gpus
from vsdkit.model.run_folder import FAILURE

__all__ = ["main"]

_WATCH_S = 0.5
"""Between two looks at whether the launcher and the parent are there."""


def main() -> None:
    """Train this process's share of the job in the file that the first argument names."""
    restore_visible_gpus()
    job = Job.read(Path(sys.argv[1]))
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
    here = socket.gethostname() == job.host

    def watch() -> None:
        while os.getppid() == launcher and not (here and _is_gone(job.parent)):
            time.sleep(_WATCH_S)
        # Not sys.exit: that would end this thread alone.
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _prepare_deepspeed(job: Job) -> None:
    if job.plan["device"] == "cpu":
        import deepspeed

        # It would be compiled for a minute or more; gloo does the same here.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def _leave_error(job: Job, error: Exception) -> None:
    rank = int(os.environ.get("RANK", "0"))
    content = {
        "rank": rank,
        "time": time.time(),
        "type": type(error).__name__,
        "message": str(error),
        "traceback": traceback.format_exc(),
    }
    if isinstance(error, VsdkitError):
        content |= {"message": error.message, "where": error.where, "hint": error.hint}
    with open_atomic(Path(job.folder) / FAILURE.format(rank=rank)) as file:
        file.write(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode())


if __name__ == "__main__":
    main()
