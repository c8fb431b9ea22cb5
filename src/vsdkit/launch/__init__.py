"""The ``deepspeed`` launcher: start it, watch it, and what each process that it starts does."""

from __future__ import annotations

from vsdkit.launch.hostfile import Processes, count_processes, count_slots
from vsdkit.launch.launcher import (
    PARENT,
    Launch,
    cpu_is_asked_for,
    free_port,
    last_lines,
    launcher_path,
    restore_visible_gpus,
)

__all__ = [
    "PARENT",
    "Launch",
    "Processes",
    "count_processes",
    "count_slots",
    "cpu_is_asked_for",
    "free_port",
    "last_lines",
    "launcher_path",
    "restore_visible_gpus",
]
