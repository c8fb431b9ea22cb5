"""The started processes as their command sees them: which ends first, and whether one failed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from vsdkit.launch.failure import FAILURE
from vsdkit.launch.launcher import Launch

__all__ = ["LOOK_S", "Ended", "Watched"]

LOOK_S = 2.0
"""Between two looks at what is seldom there; the disk may be a shared one."""
_GRACE_S = 40.0
"""From a process's failure to the end of all: the launcher of its own machine takes up to 30 s."""


class Ended(Exception):  # noqa: N818
    """There is no use in waiting for the launcher any longer."""


class Watched:
    """Looks at the processes of one launcher while it runs.

    Args:
        launch: What was started.
        folder: Where its processes leave what they failed of.
        called: What a process is called, for messages.
    """

    def __init__(self, launch: Launch, folder: Path, *, called: str) -> None:
        self._folder = folder
        self._called = called
        # Of other machines nothing can be seen from here.
        self._expected = 0 if launch.by_ssh else launch.processes
        self._ranks: dict[Any, int] = {}
        self._looked = time.monotonic()
        self._failed_since: float | None = None
        self.first_gone: list[int] = []
        """Ranks of this machine that were seen to end first; several if at one look."""

    def look(self, launcher: int) -> None:
        """Look once, at every tick.

        Args:
            launcher: Its process id.

        Raises:
            Ended: If a process has failed and the launcher runs on: it does not see the processes
                of other machines.
        """
        if self._expected and not self.first_gone:
            self._look_at_processes(launcher)
        now = time.monotonic()
        if now - self._looked < LOOK_S:
            return
        self._looked = now
        if self._failed_since is None and any(self._folder.glob(FAILURE.format(rank="*"))):
            self._failed_since = now
        if self._failed_since is not None and now - self._failed_since > _GRACE_S:
            raise Ended(f"a {self._called} has failed: the others are ended")

    def _look_at_processes(self, launcher: int) -> None:
        """Note which process ends first; the launcher's log does not name it."""
        import psutil

        if len(self._ranks) == self._expected:
            self.first_gone = sorted(
                rank for process, rank in self._ranks.items() if _has_ended(process)
            )
            return
        try:
            # Launcher, launch.py, the processes; a loader's workers are one deeper.
            for middle in psutil.Process(launcher).children():
                for process in middle.children():
                    self._ranks[process] = int(process.environ()["RANK"])
        except (psutil.Error, OSError, KeyError):
            # Just started or just ended: looked at again.
            return


def _has_ended(process: Any) -> bool:
    import psutil

    try:
        # A zombie until the launcher looks, which it does every second.
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
