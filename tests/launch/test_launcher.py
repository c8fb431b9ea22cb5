"""The launcher: command lines, GPUs that are visible, and nobody left behind."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from vsdkit.errors import MissingInputError
from vsdkit.launch import (
    Launch,
    free_port,
    last_lines,
    launcher,
    launcher_path,
    restore_visible_gpus,
)


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
        *["--num_gpus", "2", "--hostfile", "/dev/null", "--master_port", "12345"],
        "--no_local_rank",
        *["--module", "vsdkit.finetune.worker", "runs/a/job.json"],
    ]


def test_command_for_several_machines() -> None:
    command = _launch(device="cuda", processes=8, hostfile=Path("hosts")).command()
    assert command[1:5] == ["--num_gpus", "8", "--hostfile", "hosts"]


def test_further_words_stand_before_the_module() -> None:
    command = _launch(extra=("--launcher", "slurm")).command()
    assert command[-6:-3] == ["--launcher", "slurm", "--no_local_rank"]


def test_command_of_one_machine_of_several(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("one slots=8\ntwo slots=8\n")
    one = _launch(device="cuda", processes=8, hostfile=hosts, node_rank=1, port=1234)
    assert one.command()[1:11] == [
        *["--num_gpus", "8", "--hostfile", str(hosts), "--no_ssh", "--node_rank", "1"],
        *["--master_addr", "one", "--master_port"],
    ]
    named = _launch(device="cuda", processes=8, hostfile=hosts, node_rank=1, address="10.0.0.7")
    assert "10.0.0.7" in named.command()
    by_ssh = _launch(device="cuda", processes=8, hostfile=hosts, address="10.0.0.7").command()
    assert by_ssh[5:7] == ["--master_addr", "10.0.0.7"]
    assert not {"--no_ssh", "--node_rank"} & set(by_ssh)


def test_gpus_that_slurm_gives_reach_the_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    hosts = tmp_path / "hosts"
    one = _launch(device="cuda", hostfile=hosts, node_rank=0).environment()
    assert one["VSDKIT_VISIBLE_DEVICES"] == "2,3"
    assert one["VSDKIT_PARENT"] == str(os.getpid())


def test_launcher_of_other_machines_cannot_end_other_runs_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DeepSpeed's own answer to SIGTERM is a broad pkill on all of them: it must not be heard."""
    code = (
        "import pathlib, signal, sys, time\n"
        f"heard = pathlib.Path({str(tmp_path)!r}, 'heard')\n"
        "signal.signal(signal.SIGTERM, lambda *_: (heard.touch(), sys.exit(1)))\n"
        "print('ready', flush=True)\ntime.sleep(60)"
    )
    _stand_in(tmp_path, monkeypatch, code)
    log = tmp_path / "log"

    def interrupt(_: int) -> None:
        if "ready" in log.read_text():
            raise KeyboardInterrupt

    for rank in (None, 0):
        log.write_text("")
        several = _launch(hostfile=_hosts(tmp_path), node_rank=rank)
        with pytest.raises(KeyboardInterrupt):
            several.run(log=log, tick=interrupt)
        assert (tmp_path / "heard").exists() == (rank == 0)


def _hosts(folder: Path) -> Path:
    (folder / "hosts").write_text("one slots=1\ntwo slots=1\n")
    return folder / "hosts"


VISIBLE = [
    "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6",
    "GPU-8932f937, GPU-0a1b2c3d",
    "MIG-41ea1a4c-2a5c-5a1e-9b5d-5b8d3c0f6f4a",
    "MIG-GPU-8932f937-d72c-4106-c12f-20bd9faed9f6/1/0",
    "2,3, 5",
    " 2 , 3 ",
    "2,,3",
    "0,0",
    "3,2",
    "-1",
    "0,-1,1",
    "",
    "all",
]


@pytest.mark.parametrize("visible", VISIBLE)
def test_process_of_the_launcher_sees_the_gpus_that_were_visible_before(
    visible: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    environment = _launch(device="cuda").environment()
    # As the launcher leaves it to its processes.
    monkeypatch.setattr(os, "environ", environment | {"CUDA_VISIBLE_DEVICES": "0,1"})
    monkeypatch.setitem(sys.modules, "pynvml", None)
    restore_visible_gpus()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == visible
    restore_visible_gpus()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == visible


def test_gpus_of_other_machines_are_left_to_the_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    with_hosts = _launch(device="cuda", hostfile=Path("hosts")).environment()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    # A run inside a process of another run.
    monkeypatch.setenv("VSDKIT_VISIBLE_DEVICES", "7")
    without = _launch(device="cuda").environment()
    for environment in (with_hosts, without):
        monkeypatch.setattr(os, "environ", environment | {"CUDA_VISIBLE_DEVICES": "0,1"})
        restore_visible_gpus()
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"


@pytest.mark.parametrize(("visible", "asks"), [("2, 3", True), ("GPU-1", False), ("MIG-1", False)])
def test_deepspeed_asks_nvml_only_where_it_can_read_the_variable(
    visible: str, asks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml = object()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(os, "environ", {"VSDKIT_VISIBLE_DEVICES": visible})
    restore_visible_gpus()
    assert sys.modules["pynvml"] is (nvml if asks else None)


PROBE = """
import json, os, pathlib, sys
from vsdkit.launch import restore_visible_gpus
told = os.environ["CUDA_VISIBLE_DEVICES"]
restore_visible_gpus()
seen = [told, os.environ["CUDA_VISIBLE_DEVICES"], os.environ["LOCAL_RANK"]]
pathlib.Path(sys.argv[1]).write_text(json.dumps(seen))
"""


def test_launcher_itself_reads_the_command_and_passes_the_gpus_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "probe_of_gpus.py").write_text(PROBE)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", VISIBLE[1])
    # The command is that of a GPU; only the launcher's own count of GPUs is that of a CPU.
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    seen = tmp_path / "seen.json"
    started = _launch(module="probe_of_gpus", argument=seen, processes=1, device="cuda")
    exit_code = started.run(log=tmp_path / "log", tick=lambda _: None)
    assert exit_code == 0, (tmp_path / "log").read_text()
    assert json.loads(seen.read_text()) == ["0", VISIBLE[1], "0"]


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
    monkeypatch.setattr(launcher, "launcher_path", lambda: str(script))


def test_run_keeps_the_log_and_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stand_in(tmp_path, monkeypatch, "print('hello'); raise SystemExit(7)")
    ticks: list[int] = []
    log = tmp_path / "new" / "train.log"
    assert _launch().run(log=log, tick=ticks.append) == 7
    assert len(set(ticks)) == 1, "the launcher's process id"
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

    def interrupt(_: int) -> None:
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
