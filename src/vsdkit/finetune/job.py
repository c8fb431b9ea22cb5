"""What the parent of a run tells its training processes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from vsdkit.data.images.file import ImageFile, note_images, read_noted_images
from vsdkit.data.jsonl import open_atomic
from vsdkit.model.run_folder import JOB

__all__ = ["Job"]


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
    """``Plan.to_dict``."""
    identity: dict[str, Any]
    """What must be the same for a run to go on: settings that change the result, and hashes."""
    rows: list[str]
    """The Arrow files of the instruction rows."""
    images: dict[str, ImageFile]
    """Name in the rows to the file, opened once by the parent."""
    left_out_rows: list[int]
    """Places of the rows that are not trained on, since their images do not open."""
    template: str
    """Full text of the template."""
    conversation: str
    """Full text of the conversation format."""
    checkpoint: str | None
    """Folder of the checkpoint to go on from."""
    origins: dict[str, str]
    """Setting to where its value came from."""
    argv: list[str]
    """The parent's command line."""
    parent: int
    """The process that watches."""
    host: str
    """The machine that it runs on."""
    start: str
    """Names this start of the run: the heartbeat of the process that watches has it too."""
    port: int | None
    """Where the processes meet; None leaves it to DeepSpeed."""
    environment: dict[str, str]
    """Variables of the parent that the processes need too; ssh brings few of them along."""
    evaluation: dict[str, Any] | None = None
    """Gold that is answered at the end, its hash, and its images as they are noted."""

    def write(self) -> Path:
        """Write it into the run folder and return its path."""
        path = Path(self.folder) / JOB
        with open_atomic(path) as file:
            file.write(orjson.dumps(self._content(), option=orjson.OPT_INDENT_2).decode())
        return path

    def _content(self) -> dict[str, Any]:
        return asdict(self) | {"images": note_images(self.images)}

    @classmethod
    def read(cls, path: Path) -> Job:
        """Return the job that ``write`` wrote."""
        content = orjson.loads(path.read_bytes())
        images = read_noted_images(content.pop("images"))
        # Which an older version did not write.
        older: dict[str, Any] = {"left_out_rows": [], "start": "", "port": None, "environment": {}}
        return cls(**older | content, images=images)
