"""Host files, line by line, and how many processes they make."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vsdkit.errors import ConfigError, MissingInputError
from vsdkit.launch import count_processes, count_slots


@pytest.mark.parametrize(
    "content",
    [
        b"# our machines\nworker-1 slots=8\n\nworker-2 slots=4  # older\n",
        b"worker-1 slots=8\r\nworker-2 slots=4\r\n",
        b"worker-1 slots=8\rworker-2 slots=4",
        b"\tworker-1\t\tslots=8\t\n  worker-2   slots=4 max_slots=9",
        "# größer\nworker-1 slots=8\nworker-2 slots=4 # kleiner, 小\n".encode(),
    ],
)
def test_hostfile(tmp_path: Path, content: bytes) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_bytes(content)
    assert count_slots(hosts) == {"worker-1": 8, "worker-2": 4}


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"worker-1\n", 1, "not a machine and its GPUs: 'worker-1'"),
        (b"w slots=8\nv slots=0\n", 2, "not a machine"),
        (b"w slots=-1\n", 1, "not a machine"),
        (b"w slots=8.5\n", 1, "not a machine"),
        (b"w slots = 8\n", 1, "not a machine"),
        (b"w slots=" + b"9" * 5000, 1, "not a machine"),
        (b"w slots=\xd9\xa8\n", 1, "not a machine"),
        (b"-oProxyCommand=x slots=8\n", 1, "not a machine"),
        ("wörker slots=8\n".encode(), 1, "not a machine"),
        (b"w:8\n", 1, "not a machine"),
        (b"a slots=8\n# b\na slots=8\n", 3, "the machine a is named twice, first in line 1"),
        (b"\xef\xbb\xbfw slots=8\n", 1, "byte order mark"),
        (b"v slots=8\n# gr\xf6\xdfer\nw slots=8\n", 2, "not UTF-8"),
        ("w slots=8\n".encode("utf-16"), 1, "not UTF-8"),
        ("w slots=8\n".encode("utf-16-le"), 1, "not a machine"),
        (b"# none\n\n", None, "no machine"),
        (b"", None, "no machine"),
    ],
)
def test_wrong_hostfile_names_the_line(
    tmp_path: Path, content: bytes, line: int | None, message: str
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as raised:
        count_slots(hosts)
    assert raised.value.where == (str(hosts) if line is None else f"{hosts}:{line}")
    assert raised.value.hint


def test_hostfile_that_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ConfigError, match="the host file is not a file"):
            count_slots(place)


def test_missing_hostfile(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="host file cannot be read"):
        count_slots(tmp_path / "hosts")


def test_processes_are_one_a_gpu_and_one_without() -> None:
    assert count_processes(None, None, visible_gpus=8) == (8, 8)
    assert count_processes(3, None, visible_gpus=8) == (3, 3)
    assert count_processes(None, None, visible_gpus=0) == (1, 1)
    # On the CPU as many as are asked for.
    assert count_processes(3, None, visible_gpus=0) == (3, 3)


def test_every_machine_takes_as_many_as_the_smallest_has(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("one slots=8\ntwo slots=4\n")
    assert count_processes(None, tmp_path / "hosts", visible_gpus=0) == (4, 8)
    assert count_processes(2, tmp_path / "hosts", visible_gpus=1) == (2, 4)
    with pytest.raises(ConfigError, match="5 GPUs a machine asked for, a machine has 4") as raised:
        count_processes(5, tmp_path / "hosts", visible_gpus=8)
    assert raised.value.hint == "--gpus 4, or leave it out"


def test_more_gpus_than_there_are_is_an_error() -> None:
    with pytest.raises(ConfigError, match="3 GPUs asked for, 2 visible") as raised:
        count_processes(3, None, visible_gpus=2)
    assert "--gpus 2" in raised.value.hint
