"""``kill -9`` in the middle of ``vsdkit finetune``, or a full disk: the same adapter in the end?

    python benchmarks/kill_finetune.py [--kills 100] [--seed 0] [--kinds worker parent ...]

A run of the tiny base in two processes is started through the real launcher and killed: one
training process, the launcher, its child, all of them at once, the command itself, all of them
while a checkpoint is written; or its disk is full. The moment is drawn. After that nothing may be
left running, and a command that was not killed itself must have said what happened. The same
command is started again; it may be killed up to three times more. The last time it runs to its
end, and its adapter must be that of the undisturbed run, byte for byte.

The disk is a tmpfs that is filled up, where this user may mount one; elsewhere a limit on the size
of files stands for it. Prints a line for each kill, and keeps them as they come.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path
from random import Random
from typing import Any

from killing import DEPTHS, Kill, Trial, wait_until
from process_tree import tree
from tiny_rows import write_tiny_rows

from vsdkit.manifest import hash_file
from vsdkit.model.run_folder import ADAPTER_WEIGHTS, CHECKPOINTS, METRICS, WHOLE

KINDS = ("worker", "launcher", "launch.py", "group", "parent", "checkpoint", "disk full")
STEPS = 20


class Trainings(Trial):
    """Runs of ``vsdkit finetune``."""

    unit = "step"
    total = STEPS
    makes = "adapter"
    caught = "checkpoint"
    result = Path(__file__).parent / "results" / "kill_finetune.json"
    reserve_bytes = 1 << 20
    file_bytes = (1 << 12, 1 << 18)
    seconds_behind = 1.0
    seconds_to_finish = 3.0

    def __init__(self, folder: Path, draw: Random, *, mounted: bool) -> None:
        super().__init__(folder, draw, mounted=mounted)
        self._rows = write_tiny_rows(folder, rows=16)

    def command(self, name: str, kind: str) -> list[str]:  # noqa: ARG002
        """Train the tiny base in two processes."""
        return [
            *("finetune", str(self._rows), "--images", str(self.folder / "pictures")),
            *("--profile", "tiny", "--runs", str(self.disk), "--name", name, "--gpus", "2"),
            *("--json", "--global-batch-size", "4", "--max-steps", str(STEPS)),
            *("--save-steps", "2"),
        ]

    def done(self, name: str) -> int:
        """Return the steps."""
        path = self.disk / name / METRICS
        return path.read_bytes().count(b"\n") if path.is_file() else 0

    def outcome(self, name: str) -> str:
        """Return the hash of the adapter."""
        return hash_file(self.disk / name / ADAPTER_WEIGHTS)

    def remove(self, name: str) -> None:
        """Remove the run folder."""
        shutil.rmtree(self.disk / name)

    def catch(self, name: str, wanted: int, process: subprocess.Popen[bytes]) -> list[int]:
        """Return all processes while a checkpoint is written."""
        self.wait_for_processes(DEPTHS["worker"], process)
        # Listed before: a checkpoint of the tiny base is written in a tenth of a second.
        victims = tree(process.pid)
        wait_until(lambda: self._writes(name, wanted), process)
        time.sleep(self.draw.uniform(0, 0.02))
        return victims

    def _writes(self, name: str, step: int) -> bool:
        return any(
            not (path / WHOLE).is_file() and int(path.name.rpartition("-")[2]) >= step
            for path in (self.disk / name / CHECKPOINTS).glob("checkpoint-*")
        )

    def look_at(self, name: str) -> dict[str, Any]:  # noqa: ARG002
        """Return nothing: the next start tells."""
        return {"resumed_from": None, "skipped": ""}

    def note_beginning(self, text: str) -> dict[str, Any]:
        """Return the step that it went on from, and the half-written checkpoint that it skipped."""
        facts: dict[str, Any] = {}
        found = re.search(r"going on from step (\d+)", text)
        if found or "log: " in text:
            facts["resumed_from"] = int(found[1]) if found else 0
        skipped = re.search(r"(checkpoint-\d+) is half written", text)
        if skipped:
            facts["skipped"] = skipped[1]
        return facts

    def count(self, kills: list[Kill]) -> dict[str, Any]:
        """Count half-written checkpoints too."""
        skipped = sum(1 for kill in kills if kill.facts.get("skipped"))
        return {"skipped_half_written": skipped}


if __name__ == "__main__":
    Trainings.main(__doc__ or "", KINDS)
