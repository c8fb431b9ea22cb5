"""A file on the shared disk that says: the command that started these processes still waits."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from vsdkit.data.jsonl import open_atomic

__all__ = ["HEARTBEAT", "PATIENCE_S", "Pulse", "beating", "end_left_behind", "is_beating"]

HEARTBEAT: Final = ".heartbeat"
"""Touched while the command that started the processes runs; gone when it has ended."""
_BEAT_S = 5.0
PATIENCE_S = 60.0
"""Without a beat, after which a run counts as left alone. NFS shows a change after seconds, a
server that is started again may take longer."""
_END_HERE_S = 1.0
"""Twice what a process takes to see that its parent is gone."""
_END_ELSEWHERE_S = 10.0
"""The same for a heartbeat on a shared disk: it is looked at every two seconds."""


@contextmanager
def beating(folder: Path) -> Iterator[str]:
    """Keep a heartbeat going and yield its name for this start; remove it at the end.

    From a thread, since the main one may wait for a terminal that takes no output.
    """
    path = folder / HEARTBEAT
    start = uuid4().hex
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(_BEAT_S):
            # A disk that is full or away for a moment is no reason to end.
            with suppress(OSError):
                # None: the time of the file's server, so that the beats are in order.
                os.utime(path)

    with open_atomic(path) as file:
        file.write(start)
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield start
    finally:
        ended.set()
        thread.join()
        path.unlink(missing_ok=True)


def end_left_behind(folder: Path, *, elsewhere: bool) -> None:
    """End the processes of a start whose command was killed: for a while they still write here.

    Args:
        folder: Holds the heartbeat that the command did not remove.
        elsewhere: Whether some of them are on other machines.
    """
    (folder / HEARTBEAT).unlink(missing_ok=True)
    time.sleep(_END_ELSEWHERE_S if elsewhere else _END_HERE_S)


def is_beating(folder: Path) -> bool:
    """Say at one look whether a command seems to be at work in a folder.

    This compares the clocks of two machines, as ``Pulse`` does not: where one is wrong by more than
    ``PATIENCE_S`` the answer is wrong. It is for what is shown, and nothing may be done by it.
    """
    try:
        return time.time() - (folder / HEARTBEAT).stat().st_mtime < PATIENCE_S
    except OSError:
        return False


class Pulse:
    """Looks at a heartbeat, from another process or machine.

    No two clocks are compared: what counts is for how long it did not change while it could be
    looked at. While the disk is away neither side can see anything, and nothing is concluded.

    Args:
        folder: Holds the heartbeat.
        start: The start whose beats count; any start's if empty.
    """

    def __init__(self, folder: Path, start: str = "") -> None:
        self._path = folder / HEARTBEAT
        self._start = start
        self._last: int | None = None
        self._looked = time.monotonic()
        self.silent_s = 0.0
        """Seconds since the last beat."""
        self.beats = 0
        """Changes that were seen; 1 may be what a killed command left behind."""
        self.start = ""
        """The start that it was of."""
        self.removed = False
        """Whether it was there and is gone: the command has ended."""

    def look(self) -> None:
        """Look once; to be called more often than it beats."""
        now = time.monotonic()
        # A look that hung, as one at a disk that is away does, says nothing of the time before.
        passed, self._looked = min(now - self._looked, _BEAT_S), now
        try:
            found = self._read()
        except OSError:
            return
        if found is not None and found != self._last:
            self._last = found
            self.beats += 1
            self.silent_s = 0.0
            self.removed = False
            return
        self.silent_s += passed
        self.removed = found is None and self.beats > 0

    @property
    def stopped(self) -> bool:
        """Whether the command has ended, or has been silent for too long."""
        return self.removed or self.silent_s > PATIENCE_S

    def _read(self) -> int | None:
        """Return the time of the last beat; None if there is no heartbeat of this start."""
        try:
            # Opened, since NFS asks the server then and shows an older time otherwise.
            with self._path.open() as file:
                self.start = file.read()
                if self._start and self.start != self._start:
                    return None
                return os.fstat(file.fileno()).st_mtime_ns
        except FileNotFoundError:
            return None
