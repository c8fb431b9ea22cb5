"""DeepSpeed's list of machines, and how many processes a command starts on each."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import NamedTuple

from vsdkit.errors import ConfigError, MissingInputError

__all__ = ["Processes", "count_processes", "count_slots"]

# A line of DeepSpeed's host file: what its own parser takes, less what ssh and pdsh would not (a
# name that is not ASCII or begins like an option) and what it would cut off (``slots=8.5``).
_HOST = re.compile(r"([a-z0-9_][\w.@:-]*)\s+slots=(\d{1,4})(?:\s.*)?", re.ASCII | re.IGNORECASE)
_ONE_A_LINE = "one machine a line, as: worker-1 slots=8"
_BOM = "\ufeff"


class Processes(NamedTuple):
    """How many processes work."""

    here: int
    """On each machine."""
    all: int
    """On all machines."""


def count_processes(gpus: int | None, hostfile: Path | None, *, visible_gpus: int) -> Processes:
    """Return the processes of a machine and of all machines, one a GPU.

    Args:
        gpus: Asked for, a machine; None takes all, and one process where there is no GPU.
        hostfile: DeepSpeed's list of machines; None is this one alone.
        visible_gpus: Of this machine.

    Raises:
        ConfigError: If there are fewer GPUs than are asked for, or the host file is wrong.
        MissingInputError: If the host file is not there.
    """
    if hostfile is not None:
        slots = count_slots(hostfile)
        least = min(slots.values())
        here = gpus or least
        if here > least:
            raise ConfigError(
                f"{here} GPUs a machine asked for, a machine has {least}",
                where=f"--gpus, {hostfile}",
                hint=f"--gpus {least}, or leave it out",
            )
        return Processes(here, here * len(slots))
    if visible_gpus and gpus is not None and gpus > visible_gpus:
        raise ConfigError(
            f"{gpus} GPUs asked for, {visible_gpus} visible",
            where="--gpus",
            hint=f"--gpus {visible_gpus}, or leave it out; see nvidia-smi and CUDA_VISIBLE_DEVICES",
        )
    processes = gpus or visible_gpus or 1
    return Processes(processes, processes)


def count_slots(hostfile: Path) -> dict[str, int]:
    """Return the machines of a host file and the GPUs of each.

    The launcher reads the file again, by itself: what it would read otherwise is refused here.

    Raises:
        MissingInputError: If the file is not there.
        ConfigError: If a line is not ``name slots=number``, a machine is named twice, there is
            none, or the file is no UTF-8 text.
    """
    slots: dict[str, int] = {}
    line_of: dict[str, int] = {}
    for number, line in enumerate(_read_hostfile(hostfile).split("\n"), start=1):
        text = line.split("#")[0].strip()
        if not text:
            continue
        where = f"{hostfile}:{number}"
        match = _HOST.fullmatch(text)
        if match is None or int(match[2]) < 1:
            raise ConfigError(
                f"not a machine and its GPUs: {text[:80]!r}", where=where, hint=_ONE_A_LINE
            )
        name = match[1]
        if name in slots:
            raise ConfigError(
                f"the machine {name} is named twice, first in line {line_of[name]}",
                where=where,
                hint=_ONE_A_LINE,
            )
        slots[name], line_of[name] = int(match[2]), number
    if not slots:
        raise ConfigError("no machine in the host file", where=str(hostfile), hint=_ONE_A_LINE)
    return slots


def _read_hostfile(hostfile: Path) -> str:
    """Return its text, whatever its ends of line."""
    try:
        if not stat.S_ISREG(hostfile.stat().st_mode):
            # The launcher would go on without it, on this machine alone.
            raise ConfigError("the host file is not a file", where=str(hostfile), hint=_ONE_A_LINE)
        content = hostfile.read_bytes()
    except OSError as error:
        raise MissingInputError(
            f"the host file cannot be read: {error.strerror}", where=str(hostfile)
        ) from error
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            "not UTF-8 text",
            where=f"{hostfile}:{line}",
            hint=f"convert it, for example: iconv -f UTF-16 -t UTF-8 {hostfile}",
        ) from error
    if text.startswith(_BOM):
        # The launcher would take it for the first letter of a machine's name.
        raise ConfigError(
            "the host file begins with a byte order mark",
            where=f"{hostfile}:1",
            hint=f"remove it: sed -i '1s/^\\xEF\\xBB\\xBF//' {hostfile}",
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")
