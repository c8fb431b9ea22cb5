"""Stands in for the deepspeed launcher in tests: imports once, then forks the processes of a run.

The launcher imports torch twice and each process that it starts everything once, ten seconds of
which a tiny run works one. This reads a job a line from stdin, forks its processes, and answers
with an exit code as the launcher gives it. Tests of the launcher itself do not come here.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import sys
import time
import traceback
from typing import Any

# What a started process imports sooner or later; nothing of ours, which tests alter.
_HEAVY = (
    "torch",
    "transformers",
    "peft",
    "deepspeed",
    "accelerate",
    "datasets",
    "matplotlib.figure",
)


def main() -> None:
    """Answer jobs until stdin is closed."""
    for name in _HEAVY:
        importlib.import_module(name)
    for line in sys.stdin:
        sys.stdout.write(f"{_run(json.loads(line))}\n")
        sys.stdout.flush()


def _run(job: dict[str, Any]) -> int:
    left = {_fork(job, rank) for rank in range(job["processes"])}
    code = 0
    while left:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            if os.path.exists(job["stop"]):
                code = _end(left, signal.SIGKILL)
            time.sleep(0.01)
            continue
        left.discard(child)
        if status:
            code = os.waitstatus_to_exitcode(status)
            # The others see their connection close; then they are ended, as the launcher does it.
            time.sleep(0.5)
            _end(left, signal.SIGTERM)
    return code


def _end(processes: set[int], number: signal.Signals) -> int:
    for process in processes:
        os.kill(process, number)
    return -number


def _fork(job: dict[str, Any], rank: int) -> int:
    child = os.fork()
    if child:
        return child
    try:
        log = os.open(job["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.clear()
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": job["processes"]}
        place |= {"LOCAL_SIZE": job["processes"], "MASTER_ADDR": "127.0.0.1"}
        place |= {"MASTER_PORT": job["port"]}
        os.environ.update(job["environment"] | {name: str(value) for name, value in place.items()})
        sys.path[:0] = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        sys.argv = [job["module"], job["argument"]]
        runpy.run_module(job["module"], run_name="__main__", alter_sys=True)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()
