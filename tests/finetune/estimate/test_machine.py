"""GPUs by name, and those that nvidia-smi tells of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vsdkit.errors import ConfigError
from vsdkit.finetune.estimate import Machine, named_machine, this_machine
from vsdkit.finetune.estimate.machine import peak_tflops


def test_named_gpus() -> None:
    v100 = named_machine("V100-32GB")
    assert (v100.name, v100.tflops, v100.used) == ("v100-32gb", 125, (0.09, 0.43))
    assert v100.gpu is not None
    assert (v100.gpu.sm, v100.memory_bytes) == ("sm_70", 34_080_565_494)
    assert named_machine("h100").used == (0.30, 0.50)


def test_an_unknown_gpu_names_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match="unknown GPU 'v100-32'; known: v100-16gb, v100-32gb"
    ) as e:
        named_machine("v100-32")
    assert e.value.hint == "did you mean 'v100-32gb'?"
    with pytest.raises(ConfigError) as e:
        named_machine("abacus")
    assert e.value.hint == "name the one that is nearest to yours"


def _smi(folder: Path, monkeypatch: pytest.MonkeyPatch, *lines: str, code: int = 0) -> None:
    """Put an nvidia-smi on PATH that prints these lines."""
    script = folder / "nvidia-smi"
    echoes = "\n".join(f"echo '{line}'" for line in lines)
    script.write_text(f"#!/bin/sh\n{echoes}\nexit {code}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Tesla V100-SXM2-32GB, 32510, 7.0", (32_510, "sm_70", 125)),
        ("NVIDIA L4, 23034, 8.9", (23_034, "sm_89", 121)),
        ("NVIDIA L40S, 46068, 8.9", (46_068, "sm_89", 362)),
        ("NVIDIA H100 80GB HBM3, 81559, 9.0", (81_559, "sm_90", 989)),
        ("NVIDIA GeForce GTX 1080, 8192, 6.1", (8_192, "sm_61", None)),
    ],
)
def test_this_machines_gpu_is_told_by_nvidia_smi(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    expected: tuple[int, str, float | None],
) -> None:
    _smi(tmp_path, monkeypatch, line)
    found = this_machine("cuda", 1)
    assert found.gpu is not None
    assert found.memory_bytes is not None
    assert (found.memory_bytes // 2**20, found.gpu.sm, found.tflops) == expected


def test_the_smallest_of_several_gpus_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _smi(tmp_path, monkeypatch, "NVIDIA H100, 81559, 9.0", "NVIDIA A100, 40960, 8.0")
    assert this_machine("cuda", 2).name == "NVIDIA A100"


def test_a_gpu_that_cannot_be_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _smi(tmp_path, monkeypatch, "NVIDIA-SMI has failed", code=9)
    assert this_machine("cuda", 1) == Machine("GPU", None)
    _smi(tmp_path, monkeypatch, "NVIDIA GB10, [N/A], [N/A]")
    assert this_machine("cuda", 1).memory_bytes is None


def test_processes_share_the_memory_of_a_cpu() -> None:
    one, two = this_machine("cpu", 1), this_machine("cpu", 2)
    assert one.memory_bytes is not None
    assert two.memory_bytes == one.memory_bytes // 2


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("Tesla V100-SXM2-32GB", 125),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H200", 989),
        ("NVIDIA H100 PCIe", None),
        ("NVIDIA H100 NVL", None),
        ("NVIDIA RTX A1000", None),
    ],
)
def test_peaks(name: str, peak: float | None) -> None:
    assert peak_tflops(name) == peak
