"""A training process ends with whoever started it, and leaves its error."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vsdkit.data.images import ImageFile
from vsdkit.errors import DataError
from vsdkit.finetune.job import Job
from vsdkit.finetune.worker import _leave_error


def _job(folder: Path, *, parent: int) -> Job:
    return Job(
        folder=str(folder),
        settings={},
        plan={},
        identity={},
        rows=["/cache/rows/json-train.arrow"],
        left_out_rows=[3],
        images={
            "a.png": ImageFile(
                "/images/a.png",
                48,
                40,
                1234,
                1_700_000_000_000_000_000,
                1_700_000_000_000_000_001,
                "ab" * 32,
            )
        },
        template="",
        conversation="",
        checkpoint=None,
        origins={},
        argv=[],
        parent=parent,
        host=socket.gethostname(),
    )


def test_job_is_read_as_it_was_written(tmp_path: Path) -> None:
    job = _job(tmp_path, parent=1)
    assert Job.read(job.write()) == job


def _waiting(job: Path) -> subprocess.Popen[bytes]:
    code = (
        "import time\nfrom pathlib import Path\n"
        "from vsdkit.finetune.job import Job\nfrom vsdkit.finetune.worker import _watch\n"
        f"_watch(Job.read(Path({str(job)!r})))\ntime.sleep(60)"
    )
    return subprocess.Popen([sys.executable, "-c", code])


def test_process_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    worker = _waiting(_job(tmp_path, parent=parent.pid).write())
    time.sleep(1.5)
    assert worker.poll() is None
    parent.kill()
    parent.wait()
    assert worker.wait(timeout=10) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DataError("no label", where="row 7", hint="mend it"), ("DataError", "no label", "row 7")),
        (RuntimeError("out of luck"), ("RuntimeError", "out of luck", None)),
    ],
)
def test_error_is_left_as_a_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    expected: tuple[str, str, str | None],
) -> None:
    monkeypatch.setenv("RANK", "3")
    _leave_error(_job(tmp_path, parent=1), error)
    left = json.loads((tmp_path / "failure.rank3.json").read_text())
    assert (left["type"], left["message"], left.get("where")) == expected
    assert left["rank"] == 3
