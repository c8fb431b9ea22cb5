"""What a run will take, known before it starts: memory a GPU, disk, hours; arithmetic only."""

from __future__ import annotations

from vsdkit.finetune.estimate.fit import Change, find_change, flags_of
from vsdkit.finetune.estimate.machine import Machine, named_machine, this_machine
from vsdkit.finetune.estimate.memory import Layout, Memory, Task, peak_memory
from vsdkit.finetune.estimate.micro_batch import MicroBatch
from vsdkit.finetune.estimate.shape import Shape
from vsdkit.finetune.estimate.speed import Hours, count_flop, hours_of

__all__ = [
    "Change",
    "Hours",
    "Layout",
    "Machine",
    "Memory",
    "MicroBatch",
    "Shape",
    "Task",
    "count_flop",
    "find_change",
    "flags_of",
    "hours_of",
    "named_machine",
    "peak_memory",
    "this_machine",
]
