"""The launcher: command lines, host files, and nobody left behind."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from vsdkit import launch
from vsdkit.errors import ConfigError, MissingInputError
from vsdkit.launch import Launch, count_slots, free_port, last_lines, launcher_path


def _launch(**changes: object) -> Launch:
    values: dict[str, object] = {
        "module": "vsdkit.finetune.worker",
        "argument": Path("runs/a/job.json"),
        "processes": 2,
        "device": "cpu",
    }
    return Launch(**(values | changes))  # type: ignore[arg-type]


def test_command_names_the_module_and_passes_one_path() -> None:
    command = _launch(port=12345).command()
    assert Path(command[0]).name == "deepspeed"
    assert command[1:] == [
        *["--num_gpus", "2", "--master_port", "12345", "--no_local_rank"],
        *["--module", "vsdkit.finetune.worker", "runs/a/job.json"],
    ]


def test_command_keeps_the_gpus_that_were_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3, 5")
    assert _launch(device="cuda").command()[1:3] == ["--include", "localhost:2,3"]


def test_command_for_several_machines() -> None:
    command = _launch(device="cuda", processes=8, hostfile=Path("hosts")).command()
    assert command[1:5] == ["--hostfile", "hosts", "--num_gpus", "8"]


def test_environment_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("DS_ACCELERATOR", raising=False)
    assert _launch().environment()["OMP_NUM_THREADS"] == "1"
    assert _launch().environment()["DS_ACCELERATOR"] == "cpu"
    assert "DS_ACCELERATOR" not in _launch(device="cuda").environment()
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert _launch().environment()["OMP_NUM_THREADS"] == "3"


def test_missing_launcher_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingInputError, match="deepspeed launcher is not installed"):
        launcher_path()


def test_free_port_is_one() -> None:
    assert 1024 <= free_port() <= 65535


def test_hostfile(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("# our machines\nworker-1 slots=8\n\nworker-2 slots=4  # older\n")
    assert count_slots(hosts) == {"worker-1": 8, "worker-2": 4}


@pytest.mark.parametrize(
    ("text", "message"),
    [("worker-1\n", "not a machine"), ("w slots=0\n", "not a machine"), ("# none\n", "no machine")],
)
def test_wrong_hostfile_names_the_line(tmp_path: Path, text: str, message: str) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(text)
    with pytest.raises(ConfigError, match=message) as raised:
        count_slots(hosts)
    assert "slots=8" in raised.value.hint


def test_missing_hostfile(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="host file cannot be read"):
        count_slots(tmp_path / "hosts")


def test_last_lines_passes_over_empty_ones(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_lines(log) == []
    log.write_bytes(b"one\n\ntwo \xff\n\nthree\n")
    assert last_lines(log, 2) == ["two \ufffd", "three"]


def _stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Put a script of our own where the launcher is looked up: the runs below take no seconds."""
    script = tmp_path / "launcher"
    script.write_text(f"#!{sys.executable}\n{code}\n")
    script.chmod(0o755)
    monkeypatch.setattr(launch, "launcher_path", lambda: str(script))


def test_run_keeps_the_log_and_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stand_in(tmp_path, monkeypatch, "print('hello'); raise SystemExit(7)")
    ticks: list[int] = []
    log = tmp_path / "new" / "train.log"
    assert _launch().run(log=log, tick=lambda: ticks.append(1)) == 7
    assert ticks
    assert log.read_text() == "hello\n"


def test_interruption_ends_the_launcher_and_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = tmp_path / "pids"
    code = (
        "import os, subprocess, sys, time, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(pids)!r}).write_text(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(60)"
    )
    _stand_in(tmp_path, monkeypatch, code)

    def interrupt() -> None:
        if pids.exists() and len(pids.read_text().split()) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _launch().run(log=tmp_path / "log", tick=interrupt)
    for pid in map(int, pids.read_text().split()):
        assert _is_gone(pid)


def _is_gone(pid: int) -> bool:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
            if "State:\tZ" in Path(f"/proc/{pid}/status").read_text():
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False
