"""One of several processes that answer: ``python -m vsdkit.infer.worker FOLDER/job.json``.

The deepspeed launcher starts it. It answers its share of the batches and appends the answers to a
file of its own. It ends when whoever started it is gone.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from vsdkit.errors import ConfigError, VsdkitError
from vsdkit.infer.job import ANSWER_ELSEWHERE, Job, append_answers
from vsdkit.launch import restore_visible_gpus
from vsdkit.launch.environment import set_carried
from vsdkit.launch.failure import Failure
from vsdkit.launch.process import end_process, own_rank, watch_parent
from vsdkit.progress import SILENT

__all__ = ["main"]


def main() -> None:
    """Answer this process's share of the job in the file that the first argument names."""
    restore_visible_gpus()
    path = Path(sys.argv[1])
    folder = path.parent
    job = Job.read(path)
    set_carried(job.environment)
    # The command removes its heartbeat when every process has ended, so never before this one.
    watch_parent(job.parent, host=job.host, folder=folder, start=job.start, is_done=lambda: False)
    try:
        _answer(job, folder)
    except Exception as error:
        failure = Failure.of(error, rank=own_rank(), folder=folder, elsewhere=ANSWER_ELSEWHERE)
        # On a full disk there may be no room for the word; the parent looks for room itself.
        with suppress(VsdkitError):
            failure.write(folder)
        raise
    end_process()


def _answer(job: Job, folder: Path) -> None:
    # Not above: the variables of the job are set first.
    import torch

    from vsdkit.infer.local import LocalEngine
    from vsdkit.infer.model_choice import choose_model

    if torch.cuda.is_available():
        # Every process sees all GPUs of its machine and takes the one of its place among them.
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    share = (own_rank(), int(os.environ["WORLD_SIZE"]))
    log = _Log()
    choice = choose_model(job.settings, listener=log)
    engine = LocalEngine(job.settings, choice, log, share)
    _refuse_other(job, engine.identity)
    with append_answers(folder, own_rank()) as put_down:
        engine.answer(job.work, put_down)


def _refuse_other(job: Job, own: Mapping[str, Any]) -> None:
    """Raise if this machine's answers would not be those that the command asks for."""
    asked = job.work.made_with
    differing = [name for name, value in own.items() if asked.get(name) != value]
    if differing:
        raise ConfigError(
            "this machine would answer otherwise: "
            + "; ".join(
                f"{name} is {own[name]!s:.80}, not {asked.get(name)!s:.80}" for name in differing
            ),
            where=socket.gethostname(),
            hint="every machine needs the same base, adapter and kind of GPU, that where the "
            "command is started too; or name the format: --precision",
        )


class _Log:
    """Writes messages to the log that the launcher keeps, and no bars."""

    def message(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def track(self, description: str, *, total: int | None) -> Any:
        return SILENT.track(description, total=total)


if __name__ == "__main__":
    main()
