"""Several machines: what is refused, who waits for whom, and two of them on the loopback."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from vsdkit.errors import ChildFailedError, ConfigError
from vsdkit.finetune import finetune, machines
from vsdkit.finetune.job import Job
from vsdkit.finetune.machines import (
    check_machines,
    wait_for_completion,
    wait_for_job,
)
from vsdkit.launch import heartbeat
from vsdkit.launch.failure import read_failures
from vsdkit.launch.heartbeat import beating
from vsdkit.manifest import hash_file
from vsdkit.progress import SILENT
from vsdkit.settings.finetune import FinetuneSettings

LOOPBACK = "localhost slots=1\n127.0.0.1 slots=1\n"


def _with_hosts(settings: FinetuneSettings, **changes: object) -> FinetuneSettings:
    hosts = settings.runs.parent / "hosts"
    hosts.write_text(LOOPBACK)
    return settings.model_copy(update={"hostfile": hosts, "name": "both", **changes})


def test_machines_that_do_not_fit_are_refused(settings: FinetuneSettings) -> None:
    for name in ("node_rank", "master_addr"):
        alone = settings.model_copy(update={name: 0 if name == "node_rank" else "one"})
        with pytest.raises(ConfigError, match="is for several machines") as raised:
            finetune(alone)
        assert "--hostfile FILE" in raised.value.hint
    with pytest.raises(ConfigError, match="no machine 2: the host file has 2, counted from 0"):
        check_machines(_with_hosts(settings, node_rank=2))
    check_machines(_with_hosts(settings, node_rank=1, master_addr="one"))


def _write_job(folder: Path, *, start: str, identity: dict[str, object]) -> Job:
    texts = dict.fromkeys(("template", "conversation", "host"), "")
    job = Job(
        folder=str(folder),
        settings={},
        plan={},
        identity=identity,
        rows=[],
        images={},
        left_out_rows=[],
        checkpoint=None,
        origins={},
        argv=[],
        parent=1,
        start=start,
        port=1234,
        environment={},
        **texts,
    )
    folder.mkdir(exist_ok=True)
    job.write()
    return job


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "_LOOK_S", 0.01)
    monkeypatch.setattr(heartbeat, "_BEAT_S", 0.05)


def test_other_machine_waits_for_the_job_of_the_present_start(tmp_path: Path, quick: None) -> None:
    """Neither for that of an earlier start, nor for ever where its heartbeat was left behind."""
    folder = tmp_path / "run"
    _write_job(folder, start="old", identity={"seed": 0})
    (folder / ".heartbeat").write_text("old")
    now: list[Job] = []

    def begin() -> None:
        with beating(folder) as start:
            time.sleep(0.3)
            now.append(_write_job(folder, start=start, identity={"seed": 1}))
            time.sleep(1)

    first = threading.Thread(target=begin)
    first.start()
    job = wait_for_job(folder, identity={"seed": 1}, listener=SILENT)
    first.join()
    assert job == now[0]


def test_other_machine_with_other_settings_is_refused(tmp_path: Path, quick: None) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with beating(folder) as start:
        _write_job(folder, start=start, identity={"seed": 0})
        with pytest.raises(ConfigError, match="seed was '0', is '1'") as raised:
            wait_for_job(folder, identity={"seed": 1}, listener=SILENT)
    assert "every machine with the same settings" in raised.value.hint


def test_first_machine_that_does_not_begin_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: None
) -> None:
    monkeypatch.setattr(machines, "PATIENCE_S", 0.2)
    folder = tmp_path / "run"
    _write_job(folder, start="old", identity={})
    (folder / ".heartbeat").write_text("old")
    with pytest.raises(ChildFailedError, match="the first machine did not begin") as raised:
        wait_for_job(folder, identity={}, listener=SILENT)
    assert "--node-rank 0" in raised.value.hint


def test_mark_on_a_slow_disk_is_waited_for(tmp_path: Path, quick: None) -> None:
    late = threading.Timer(0.2, (tmp_path / "run.json").write_text, ['{"complete": true}'])
    late.start()
    assert wait_for_completion(tmp_path, failed=lambda: False)
    (tmp_path / "run.json").unlink()
    assert not wait_for_completion(tmp_path, failed=lambda: False, seconds=0.1)
    began = time.monotonic()
    assert not wait_for_completion(tmp_path, failed=lambda: True)
    assert time.monotonic() - began < 10


def test_first_machine_is_told_why_another_does_not_join(
    settings: FinetuneSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConfigError("lora_rank was 8, is 4", where="run", hint="start both alike")

    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    monkeypatch.setattr("vsdkit.finetune.run.wait_for_job", refuse)
    (settings.runs / "both").mkdir(parents=True)
    with pytest.raises(ConfigError, match="lora_rank was 8"):
        finetune(_with_hosts(settings, node_rank=1))
    (failure,) = read_failures(settings.runs / "both")
    assert (failure.rank, failure.message) == (1, "lora_rank was 8, is 4")


def _second_machine(settings: FinetuneSettings) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "vsdkit", "finetune", str(settings.instructions)),
            *("--images", str(settings.images[0]), "--runs", str(settings.runs)),
            *("--name", "both", "--base", "tiny", "--hostfile", str(settings.hostfile)),
            *("--node-rank", "1", "--global-batch-size", "8", "--epochs", "2", "--gpus", "1"),
            *("--learning-rate", "5e-3", "--lora-rank", "4", "--lora-alpha", "8"),
            *("--lora-dropout", "0", "--save-steps", "2"),
            *("--image-mode", "single", "--batching", "rows"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"DS_ACCELERATOR": "cpu", "HF_HUB_OFFLINE": "1"},
    )


@pytest.mark.slow
def test_two_machines_learn_what_two_processes_of_one_learn(
    settings: FinetuneSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    both = _with_hosts(settings, node_rank=0)
    second = _second_machine(both)
    try:
        report = finetune(both)
        output, _ = second.communicate(timeout=60)
    finally:
        second.kill()
    assert second.returncode == 0, output
    assert (report.plan.processes, report.plan.processes_a_machine) == (2, 1)
    assert "--no_ssh --node_rank 0 --master_addr localhost" in report.command
    assert (report.folder / "train.node1.log").is_file()
    assert not (report.folder / ".heartbeat").exists()
    one = finetune(settings.model_copy(update={"name": "one", "gpus": 2}))
    adapters = [hash_file(run.folder / "adapter_model.safetensors") for run in (report, one)]
    # The same rows in the same processes: bit for bit.
    assert adapters[0] == adapters[1]
