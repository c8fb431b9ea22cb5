"""A training process ends with whoever started it, and leaves its error."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from vsdkit.data.images import ImageFile
from vsdkit.errors import DataError, VsdkitError
from vsdkit.finetune import heartbeat
from vsdkit.finetune.failure import Failure, read_failures
from vsdkit.finetune.heartbeat import beating
from vsdkit.finetune.job import Job
from vsdkit.finetune.worker import _leave_error, _set_environment
from vsdkit.launch import PARENT


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
        start="1",
        port=None,
        environment={"HF_HOME": "/hf"},
    )


def test_job_is_read_as_it_was_written(tmp_path: Path) -> None:
    job = _job(tmp_path, parent=1)
    assert Job.read(job.write()) == job


def _waiting(job: Path, *, starter: int | None = None) -> subprocess.Popen[bytes]:
    code = (
        "import time\nfrom pathlib import Path\n"
        "from vsdkit.finetune import heartbeat\nheartbeat.PATIENCE_S = 3\n"
        "from vsdkit.finetune.job import Job\nfrom vsdkit.finetune.worker import _watch\n"
        f"_watch(Job.read(Path({str(job)!r})))\ntime.sleep(60)"
    )
    environment = {name: value for name, value in os.environ.items() if name != PARENT}
    if starter is not None:
        environment[PARENT] = str(starter)
    return subprocess.Popen([sys.executable, "-c", code], env=environment)


def test_process_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    worker = _waiting(_job(tmp_path, parent=parent.pid).write(), starter=parent.pid)
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
    job = replace(_job(tmp_path, parent=os.getpid()), host="elsewhere")
    with beating(tmp_path) as start:
        worker = _waiting(replace(job, start=start).write())
        time.sleep(6)
        assert worker.poll() is None
    # Removed: the command has ended.
    assert worker.wait(timeout=10) == 1


def test_process_of_another_machine_ends_when_nothing_beats(tmp_path: Path) -> None:
    (tmp_path / ".heartbeat").write_text("1")
    worker = _waiting(replace(_job(tmp_path, parent=os.getpid()), host="elsewhere").write())
    assert worker.wait(timeout=30) == 1


def test_process_ends_by_itself_when_its_run_is_complete(tmp_path: Path) -> None:
    """The command may have seen the end of its run before the last process has ended."""
    (tmp_path / "run.json").write_text('{"complete": true}')
    worker = _waiting(replace(_job(tmp_path, parent=os.getpid()), host="elsewhere").write())
    time.sleep(6)
    assert worker.poll() is None
    worker.kill()
    worker.wait()


def test_variables_of_the_parent_are_set_where_a_machine_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = replace(_job(tmp_path, parent=1), environment={"HF_HOME": "/hf", "OMP_NUM_THREADS": "4"})
    monkeypatch.setattr(os, "environ", {"OMP_NUM_THREADS": "8"})
    _set_environment(job)
    assert os.environ == {"HF_HOME": "/hf", "OMP_NUM_THREADS": "8"}


def test_variables_are_set_before_anything_reads_them() -> None:
    code = "import sys, vsdkit.finetune.worker\nprint(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(found.stdout.split())
    assert not {"torch", "transformers", "huggingface_hub", "datasets", "numpy"} & loaded


def test_full_disk_leaves_room_for_the_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The half-written checkpoint, of no use to anybody, makes place for the error."""
    half = tmp_path / "checkpoints" / "checkpoint-4"
    half.mkdir(parents=True)
    whole = tmp_path / "checkpoints" / "checkpoint-2"
    whole.mkdir()
    (whole / "whole").touch()
    write = Failure.write

    def only_with_room(self: Failure, folder: Path) -> None:
        if half.exists():
            raise VsdkitError("cannot write: No space left on device")
        write(self, folder)

    monkeypatch.setattr(Failure, "write", only_with_room)
    _leave_error(_job(tmp_path, parent=1), OSError(28, "No space left on device"))
    (left,) = read_failures(tmp_path)
    assert left.message == "the disk is full"
    assert whole.exists()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DataError("no label", where="row 7", hint="mend it"), ("DataError", "no label", "row 7")),
        (RuntimeError("out of luck"), ("RuntimeError", "out of luck", "")),
    ],
)
def test_error_is_left_as_a_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    expected: tuple[str, str, str],
) -> None:
    monkeypatch.setenv("RANK", "3")
    _leave_error(_job(tmp_path, parent=1), error)
    left = json.loads((tmp_path / "failure.rank3.json").read_text())
    assert (left["type"], left["message"], left["where"]) == expected
    assert left["rank"] == 3


def _workers(tmp_path: Path, train: str) -> list[subprocess.Popen[str]]:
    """Start two processes of one gloo group whose ``train`` is the code given."""
    job = _job(tmp_path, parent=os.getpid())
    job = replace(job, plan={"device": "cuda"})
    path = job.write()
    code = (
        "import sys, types\nimport torch.distributed as dist\n"
        "import vsdkit.finetune.worker as worker\n"
        f"dist.init_process_group('gloo', init_method='file://{tmp_path}/meet',"
        " rank=int(sys.argv[2]), world_size=2)\n"
        f"def train(job):\n    rank = dist.get_rank()\n    {train}\n"
        "sys.modules['vsdkit.finetune.train'] = types.SimpleNamespace(train=train)\n"
        "class Slow:\n    def __del__(self): print('finalised', flush=True)\n"
        "kept = Slow()\nworker.main()\n"
    )
    return [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path), str(rank)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"RANK": str(rank), "OMP_NUM_THREADS": "1"},
        )
        for rank in range(2)
    ]


def test_processes_end_together_and_without_the_interpreters_end(tmp_path: Path) -> None:
    train = f"""import pathlib, time
    if rank == 0: time.sleep(1); pathlib.Path({str(tmp_path)!r}, "record").touch()
    print("rank", rank, "trained")"""
    first, second = _workers(tmp_path, train)
    # Not before the first process has written its record.
    assert second.wait(timeout=60) == 0
    assert (tmp_path / "record").exists()
    assert first.wait(timeout=60) == 0
    for rank, process in enumerate((first, second)):
        output, complaint = process.communicate()
        # What was printed is there, though only the interpreter's end would have flushed it;
        # gloo prints a line before it.
        assert (output.splitlines()[-1], complaint) == (f"rank {rank} trained", "")
    assert not list(tmp_path.glob("failure*"))


def test_process_that_waits_for_a_failed_one_ends_too(tmp_path: Path) -> None:
    first, second = _workers(tmp_path, "if rank == 0: raise OSError('no room')")
    output = first.communicate(timeout=60)
    assert first.returncode == 1
    assert "OSError: no room" in output[1]
    second.communicate(timeout=60)
    assert second.returncode == 1
    left = [json.loads((tmp_path / f"failure.rank{rank}.json").read_text()) for rank in range(2)]
    assert left[0]["message"] == "no room"
    # The parent names the error that came first.
    assert left[0]["time"] < left[1]["time"]
