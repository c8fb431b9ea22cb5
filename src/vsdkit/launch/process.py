"""What a process that the launcher started does besides its work: watch, and end."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from vsdkit.launch.heartbeat import Pulse
from vsdkit.launch.launcher import PARENT

__all__ = ["end_process", "own_rank", "watch_parent"]

_WATCH_S = 0.5
"""Between two looks at whether the launcher and the parent are there."""
_PULSE_EVERY = 4
"""Of these looks one is at the heartbeat: a shared disk is not asked twice a second."""


def own_rank() -> int:
    """Return which of all processes this is, as the launcher says it."""
    return int(os.environ.get("RANK", "0"))


def watch_parent(
    parent: int, *, host: str, folder: Path, start: str, is_done: Callable[[], bool]
) -> None:
    """End this process, from a thread, when the launcher or the parent is gone.

    Args:
        parent: Process id of the command that waits.
        host: The machine that it runs on.
        folder: Holds its heartbeat, which is all that another machine can see of it.
        start: Names the start whose heartbeat counts.
        is_done: Says that the heartbeat is gone after a good end.
    """
    launcher = os.getppid()
    starter = int(os.environ.get(PARENT, "0"))
    here = socket.gethostname() == host
    parents = {pid for pid in (starter, parent if here else 0) if pid}
    # A parent on another machine cannot be looked at; its heartbeat can.
    pulse = None if here and starter == parent else Pulse(folder, start)

    def is_left_alone(look: int) -> bool:
        if os.getppid() != launcher or any(_is_gone(parent) for parent in parents):
            return True
        if pulse is None or look % _PULSE_EVERY:
            return False
        pulse.look()
        # The parent removes its heartbeat after a good end too.
        return pulse.stopped and not is_done()

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


def end_process() -> NoReturn:
    """End this process with exit code 0, without Python's own end.

    Threads that still run, as those of torch's process group, may let go of a tensor while the
    interpreter goes down, which aborts the process: finished work would count as failed.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
