"""A started process ends with whoever started it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vsdkit.launch import PARENT, heartbeat
from vsdkit.launch.heartbeat import beating

HERE = socket.gethostname()


def _waiting(
    folder: Path,
    *,
    parent: int,
    host: str = HERE,
    start: str = "1",
    done: bool = False,
    starter: int | None = None,
) -> subprocess.Popen[bytes]:
    code = (
        "import time\nfrom pathlib import Path\n"
        "from vsdkit.launch import heartbeat\nheartbeat.PATIENCE_S = 3\n"
        "from vsdkit.launch.process import watch_parent\n"
        f"watch_parent({parent}, host={host!r}, folder=Path({str(folder)!r}), start={start!r}, "
        f"is_done=lambda: {done})\ntime.sleep(60)"
    )
    environment = {name: value for name, value in os.environ.items() if name != PARENT}
    if starter is not None:
        environment[PARENT] = str(starter)
    return subprocess.Popen([sys.executable, "-c", code], env=environment)


def test_process_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    worker = _waiting(tmp_path, parent=parent.pid, starter=parent.pid)
    # Longer than a heartbeat may be silent: here nothing beats, and nothing has to.
    time.sleep(6)
    assert worker.poll() is None
    parent.kill()
    # Not collected yet: a zombie is gone too.
    assert worker.wait(timeout=10) == 1
    parent.wait()


def test_process_of_another_machine_ends_with_the_heartbeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "_BEAT_S", 0.5)
    with beating(tmp_path) as start:
        worker = _waiting(tmp_path, parent=os.getpid(), host="elsewhere", start=start)
        time.sleep(6)
        assert worker.poll() is None
    # Removed: the command has ended.
    assert worker.wait(timeout=10) == 1


def test_process_of_another_machine_ends_when_nothing_beats(tmp_path: Path) -> None:
    (tmp_path / ".heartbeat").write_text("1")
    worker = _waiting(tmp_path, parent=os.getpid(), host="elsewhere")
    assert worker.wait(timeout=30) == 1


def test_process_ends_by_itself_when_its_work_is_done(tmp_path: Path) -> None:
    """The command may have seen the end of its run before the last process has ended."""
    worker = _waiting(tmp_path, parent=os.getpid(), host="elsewhere", done=True)
    time.sleep(6)
    assert worker.poll() is None
    worker.kill()
    worker.wait()
