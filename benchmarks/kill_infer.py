"""``kill -9`` in the middle of ``vsdkit infer``, Ctrl-C, or a full disk: the same bytes in the end?

    python benchmarks/kill_infer.py [--kills 100] [--seed 0] [--kinds worker parent ...]

The tiny base answers about the demo's synthetic scenes in two processes, through the real launcher,
and is killed: one process, the launcher, its child, all of them at once, the command itself, all of
them while answers are written; or it is interrupted, or its disk is full, or one process that
answers alone is killed. The moment is drawn. After that nothing may be left running, and a command
that was not killed itself must have said what happened. The same command is started again; it may
be killed up to three times more. The last time it runs to its end, in one process or two, and its
output must be that of the undisturbed run, byte for byte, with nothing else beside it.

The disk is a tmpfs that is filled up, where this user may mount one; elsewhere a limit on the size
of files stands for it. Prints a line for each kill, and keeps them as they come.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from random import Random
from typing import Any

from killing import Trial, wait_until
from process_tree import tree

from vsdkit.demo.scenes import sample_scenes
from vsdkit.infer.kept import processes_folder
from vsdkit.manifest import manifest_path

KINDS = (
    *("worker", "launcher", "launch.py", "group", "parent"),
    *("writing", "interrupted", "alone", "disk full"),
)
SCENES = 60


class Answering(Trial):
    """Runs of ``vsdkit infer``."""

    unit = "rows"
    total = 3 * SCENES
    makes = "bytes"
    caught = "writing"
    result = Path(__file__).parent / "results" / "kill_infer.json"
    # Less than the answers take.
    reserve_bytes = 1 << 15
    file_bytes = (1 << 10, 1 << 14)
    seconds_behind = 0.2
    seconds_to_finish = 1.5

    def __init__(self, folder: Path, draw: Random, *, mounted: bool) -> None:
        super().__init__(folder, draw, mounted=mounted)
        self._items = _write_items(folder)

    def command(self, name: str, kind: str) -> list[str]:
        """Ask the tiny base, in two processes but where one is to be killed."""
        # Who goes on, and with how many processes, must not matter.
        processes = {"alone": 1, "": self.draw.choice((1, 2))}.get(kind, 2)
        return [
            *("infer", str(self._items), "--images", str(self.folder / "pictures")),
            *("--base", "tiny", "--output", str(self._output(name)), "--json"),
            *("--gpus", str(processes), "--batch-size", "2", "--image-mode", "single"),
        ]

    def _output(self, name: str) -> Path:
        return self.disk / f"{name}.jsonl"

    def done(self, name: str) -> int:
        """Return the rows that the command has put down."""
        try:
            return (self.disk / f"{name}.jsonl.part.jsonl").read_bytes().count(b"\n")
        except FileNotFoundError:
            # Not begun, or at its very end.
            return self.total if manifest_path(self._output(name)).exists() else 0

    def outcome(self, name: str) -> tuple[bytes, list[str]]:
        """Return the output, and what lies beside it."""
        beside = [path.name.removeprefix(name) for path in self._files(name)]
        return self._output(name).read_bytes(), beside

    def _files(self, name: str) -> list[Path]:
        return sorted(self.disk.glob(f"{name}.*"))

    def remove(self, name: str) -> None:
        """Remove the output and its run.json."""
        for path in self._files(name):
            path.unlink()

    def catch(self, name: str, wanted: int, process: subprocess.Popen[bytes]) -> list[int]:
        """Return all processes while an answer is written."""
        wait_until(lambda: self.done(name) >= min(wanted, self.total - 1), process)
        # Listed before: an answer is written in a thousandth of a second.
        victims = tree(process.pid)
        size = self._size(name)
        wait_until(lambda: self._size(name) != size, process)
        time.sleep(self.draw.uniform(0, 0.005))
        return victims

    def _appended(self, name: str) -> list[Path]:
        """Return the files that answers are appended to."""
        folder = processes_folder(self._output(name))
        return [*self.disk.glob(f"{name}.jsonl.part.jsonl"), *folder.glob("answers.*")]

    def _size(self, name: str) -> int:
        try:
            return sum(path.stat().st_size for path in self._appended(name))
        except FileNotFoundError:
            return 0

    def look_at(self, name: str) -> dict[str, Any]:
        """Return how many files have a last line that is half written."""
        contents = [path.read_bytes() for path in self._appended(name)]
        return {
            "torn": sum(1 for content in contents if content and not content.endswith(b"\n")),
            "left_to_answer": None,
        }

    def note_beginning(self, text: str) -> dict[str, Any]:
        """Return the rows that were left; those that are taken over from processes count too."""
        found = re.search(r"([\d,]+) to answer", text)
        return {"left_to_answer": int(found[1].replace(",", ""))} if found else {}


def _write_items(folder: Path) -> Path:
    """Write pictures of some scenes and the pair of things in each; return the file of pairs."""
    pictures = folder / "pictures"
    pictures.mkdir()
    items = folder / "items.jsonl"
    with items.open("w", encoding="utf-8") as file:
        for scene in sample_scenes(SCENES, seed=0):
            scene.draw().save(pictures / scene.file_name)
            pair = {"subject": scene.subject.tag, "object": scene.object.tag}
            file.write(json.dumps({"image": scene.file_name} | pair) + "\n")
    return items


if __name__ == "__main__":
    Answering.main(__doc__ or "", KINDS)
