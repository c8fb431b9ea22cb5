"""What the parent tells its child processes, and the names of the files in a run folder."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from vsdkit.data.jsonl import open_atomic

__all__ = [
    "ADAPTER_FILES",
    "CHECKPOINTS",
    "FAILURE",
    "JOB",
    "LOG",
    "METRICS",
    "RUN",
    "TRAINING_IMAGES",
    "WHOLE",
    "ImageFile",
    "Job",
    "last_checkpoint",
]

RUN = "run.json"
"""Written last by the trained process: with ``"complete": true`` it is the completion mark."""
JOB = "job.json"
LOG = "train.log"
METRICS = "metrics.jsonl"
TRAINING_IMAGES = "training_images.txt"
CHECKPOINTS = "checkpoints"
FAILURE = "failure.rank{rank}.json"
WHOLE = "whole"
"""In a checkpoint: written last, after every process wrote its part."""
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


class ImageFile(NamedTuple):
    """A picture on disk and its size in pixels, upright."""

    path: str
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Job:
    """One run, as its processes need it.

    Everything is JSON: the parent writes it as one file, and the path of that file is the one
    argument of the child.
    """

    folder: str
    settings: dict[str, Any]
    """The resolved settings, with paths as text."""
    plan: dict[str, Any]
    identity: dict[str, Any]
    """What must be the same for a run to go on: settings that change the result, and hashes."""
    pictures: dict[str, ImageFile]
    """Name in the rows to the file."""
    template: str
    """Full text of the template."""
    conversation: str
    """Full text of the conversation format."""
    checkpoint: str | None
    """Folder of the checkpoint to go on from."""
    origins: dict[str, str]
    argv: list[str]
    parent: int
    """The process that watches."""
    host: str

    def write(self) -> Path:
        """Write it into the run folder and return its path."""
        path = Path(self.folder) / JOB
        with open_atomic(path) as file:
            file.write(orjson.dumps(self._content(), option=orjson.OPT_INDENT_2).decode())
        return path

    def _content(self) -> dict[str, Any]:
        # orjson has no named tuples.
        return asdict(self) | {"pictures": {name: [*file] for name, file in self.pictures.items()}}

    @classmethod
    def read(cls, path: Path) -> Job:
        """Return the job that ``write`` wrote."""
        content = orjson.loads(path.read_bytes())
        pictures = {name: ImageFile(*file) for name, file in content.pop("pictures").items()}
        return cls(**content, pictures=pictures)


def last_checkpoint(folder: Path) -> tuple[Path, int] | None:
    """Return a run's last whole checkpoint and its step; half-written ones are passed over."""
    found: tuple[Path, int] | None = None
    for path in (folder / CHECKPOINTS).glob("checkpoint-*"):
        number = path.name.removeprefix("checkpoint-")
        if number.isdecimal() and (path / WHOLE).is_file():
            step = int(number)
            if found is None or step > found[1]:
                found = (path, step)
    return found
