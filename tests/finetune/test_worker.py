"""A training process ends after all others are done, and leaves its error."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vsdkit.data.images import ImageFile
from vsdkit.errors import DataError, VsdkitError
from vsdkit.finetune import worker
from vsdkit.finetune.job import Job
from vsdkit.finetune.worker import _leave_error
from vsdkit.launch.failure import Failure, read_failures


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


def test_process_watches_the_parent_and_the_heartbeat_of_its_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []

    def stop(parent: int, **more: Any) -> None:
        told.append((parent, more["host"], more["folder"], more["start"], more["is_done"]()))
        raise KeyboardInterrupt

    job = replace(_job(tmp_path, parent=17), environment={})
    monkeypatch.setattr(worker, "watch_parent", stop)
    monkeypatch.setattr(sys, "argv", ["worker", str(job.write())])
    for complete in (False, True):
        if complete:
            (tmp_path / "run.json").write_text('{"complete": true}')
        with pytest.raises(KeyboardInterrupt):
            worker.main()
        assert told.pop() == (17, job.host, tmp_path, "1", complete)
