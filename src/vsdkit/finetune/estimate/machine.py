"""What the GPUs of a machine can do: of a machine that is named, or of this one."""

from __future__ import annotations

import csv
import difflib
import os
import re
import subprocess
from functools import cache
from importlib import resources
from typing import NamedTuple

from vsdkit.data.yaml_text import parse_mapping
from vsdkit.errors import ConfigError
from vsdkit.model.precision import Gpu

__all__ = ["Machine", "named_machine", "peak_tflops", "this_machine"]

_QUERY = (
    "nvidia-smi",
    "--query-gpu=name,memory.total,compute_cap",
    "--format=csv,noheader,nounits",
)
_PATIENCE_S = 20.0
"""For nvidia-smi, which takes seconds where the driver does not stay loaded."""
_USED = (0.30, 0.50)
"""Share of the peak that such training reaches from Ampere on: LLaVA's own A100 runs come to 35 to
43 %."""
_USED_BEFORE_AMPERE = (0.09, 0.43)
"""On a V100: LLaVA's published V100 run comes to 9 %; 43 % is what the paper's 4 hours would take,
which nobody has shown."""
_AMPERE = (8, 0)


class Machine(NamedTuple):
    """The device that each process has."""

    name: str
    memory_bytes: int | None
    """What a process can have of it; None if it is not known."""
    gpu: Gpu | None = None
    """None for the CPU, and for a GPU that was not asked."""
    tflops: float | None = None
    """Peak in 16 bits, 10^12 operations a second; None if it is not known."""
    used: tuple[float, float] | None = None
    """Least and largest share of the peak that such training reaches."""


class _Known(NamedTuple):
    """An entry of gpus.yaml."""

    called: str
    memory_gib: float
    capability: tuple[int, int]
    tflops: float


def named_machine(name: str) -> Machine:
    """Return what is known of a GPU.

    Raises:
        ConfigError: If the name is unknown.
    """
    known = _known_gpus()
    if name.lower() not in known:
        near = difflib.get_close_matches(name.lower(), known, n=1)
        raise ConfigError(
            f"unknown GPU {name!r}; known: {', '.join(known)}",
            where="--gpu",
            hint=f"did you mean {near[0]!r}?" if near else "name the one that is nearest to yours",
        )
    one = known[name.lower()]
    return Machine(
        name.lower(),
        round(one.memory_gib * 2**30),
        Gpu(one.called, one.capability),
        one.tflops,
        _used(one.capability),
    )


def this_machine(device: str, processes: int) -> Machine:
    """Return what each process has on this machine.

    GPUs are asked through nvidia-smi: torch would take some of their memory for its context, for
    as long as this process lives.

    Args:
        device: ``cuda`` or ``cpu``.
        processes: How many share this machine's CPU memory.
    """
    if device == "cpu":
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return Machine("CPU", memory // processes)
    found = _ask_nvidia_smi()
    if not found:
        return Machine("GPU", None)
    # The smallest decides: every process has the same share of the work.
    return min(found, key=lambda machine: machine.memory_bytes or 0)


def _ask_nvidia_smi() -> list[Machine]:
    try:
        done = subprocess.run(
            _QUERY, capture_output=True, text=True, timeout=_PATIENCE_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [_of_smi(*line) for line in csv.reader(done.stdout.splitlines()) if len(line) == 3]


def _of_smi(name: str, memory_mib: str, capability: str) -> Machine:
    """Return the machine in a line of nvidia-smi, as ``Tesla V100-SXM2-32GB, 32510, 7.0``."""
    version = re.fullmatch(r"\s*(\d+)\.(\d+)\s*", capability)
    number = re.fullmatch(r"\s*(\d+)\s*", memory_mib)
    gpu = Gpu(name, (int(version[1]), int(version[2]))) if version else None
    return Machine(
        name,
        int(number[1]) * 2**20 if number else None,
        gpu,
        peak_tflops(name),
        _used(gpu.capability) if gpu else None,
    )


def peak_tflops(name: str) -> float | None:
    """Return the peak of a GPU by the name that CUDA and nvidia-smi give, in 16 bits.

    >>> peak_tflops("Tesla V100-SXM2-32GB")
    125
    >>> peak_tflops("NVIDIA GeForce RTX 5090")
    """
    # No other form of a name: an H100 PCIe or NVL is slower.
    if re.search(r"(PCIe|NVL)\b", name):
        return None
    # Whole words: "L4" is no "L40S".
    return next(
        (
            one.tflops
            for one in _known_gpus().values()
            if re.search(rf"(?<!\w){re.escape(one.called)}(?!\w)", name)
        ),
        None,
    )


def _used(capability: tuple[int, int]) -> tuple[float, float]:
    return _USED if capability >= _AMPERE else _USED_BEFORE_AMPERE


@cache
def _known_gpus() -> dict[str, _Known]:
    text = (resources.files("vsdkit.finetune.estimate") / "gpus.yaml").read_text(encoding="utf-8")
    return {
        name: _Known(
            one["called"],
            one["memory_gib"],
            (one["capability"][0], one["capability"][1]),
            one["tflops"],
        )
        for name, one in parse_mapping(text).items()
    }
