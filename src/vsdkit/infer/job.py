"""What ``infer`` tells the processes that answer for it, and what they hand back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import orjson

from vsdkit.data.images.file import note_images, read_noted_images
from vsdkit.data.jsonl import append_rows, dump_document, open_atomic
from vsdkit.data.records import GoldRow, RowKey
from vsdkit.infer.engine import PutDown, Work
from vsdkit.infer.kept import Said, from_rows, to_rows
from vsdkit.settings.infer import InferSettings

__all__ = ["ANSWER_ELSEWHERE", "JOB", "Answers", "Job", "append_answers"]

ANSWER_ELSEWHERE: Final = "name another place: --output FILE"
"""What can be done where the disk is full."""
JOB: Final = "job.json"
_ANSWERS: Final = "answers.rank{rank}.jsonl"
"""What one process answered, a batch a line: a torn line is no answer to any of its rows."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be answered, as one JSON file: its path is the one argument of a process."""

    settings: InferSettings
    """The resolved settings, with the adapter that was chosen."""
    work: Work
    """All rows, and those that are left."""
    parent: int
    """The process that waits for the answers."""
    host: str
    """The machine that it runs on."""
    start: str
    """Names this start: the heartbeat of the parent has it too."""
    environment: Mapping[str, str]
    """Variables of the parent that processes of other machines need."""

    def write(self, folder: Path) -> Path:
        """Write it into a folder and return its path."""
        work = self.work
        content = {
            "settings": self.settings.model_dump(mode="json"),
            "made_with": dict(work.made_with),
            "rows": [row.to_dict() for row in work.rows],
            "left": [list(key) for key in sorted(work.left)],
            "images": note_images(work.images),
            "parent": self.parent,
            "host": self.host,
            "start": self.start,
            "environment": dict(self.environment),
        }
        with open_atomic(folder / JOB) as file:
            file.write(dump_document(content))
        return folder / JOB

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the job that ``write`` wrote."""
        # Not orjson, which refuses the names of files that are no UTF-8.
        content = json.loads(path.read_text(encoding="utf-8"))
        work = Work(
            rows=[GoldRow.from_dict(row) for row in content["rows"]],
            left=frozenset(RowKey(*key) for key in content["left"]),
            images=read_noted_images(content["images"]),
            made_with=content["made_with"],
        )
        return cls(
            settings=InferSettings.model_validate(content["settings"]),
            work=work,
            parent=content["parent"],
            host=content["host"],
            start=content["start"],
            environment=content["environment"],
        )


@contextmanager
def append_answers(folder: Path, rank: int) -> Iterator[PutDown]:
    """Yield what puts a process's answers down, each batch when it is there.

    Args:
        folder: Where the parent looks for them.
        rank: Which process this is.
    """
    with append_rows(folder / _ANSWERS.format(rank=rank)) as append:

        def put_down(answers: Mapping[RowKey, Said], *, tokens: int = 0) -> None:
            if answers:
                append([{"tokens": tokens, "answers": [*to_rows(answers)]}])

        yield put_down


class Answers:
    """Hands on what the processes appended, each answer once.

    Args:
        folder: Where they append it.
        work: What they were asked.
        wanted: Which of their answers count; None takes all.
    """

    def __init__(
        self,
        folder: Path,
        work: Work,
        *,
        wanted: Callable[[RowKey, Said], bool] | None = None,
    ) -> None:
        self._folder = folder
        self._wanted = wanted or (lambda *_: True)
        self._places: dict[Path, int] = {}
        self.missing = set(work.left)
        """Rows whose answer has not been handed on."""

    def hand_on(self, put_down: PutDown) -> None:
        """Put down the answers in lines that are whole and new.

        Raises:
            VsdkitError: If they cannot be put down.
        """
        for path in sorted(self._folder.glob(_ANSWERS.format(rank="*"))):
            for note in self._new(path):
                answers = {
                    key: said
                    for key, said in from_rows(note["answers"])
                    if key in self.missing and self._wanted(key, said)
                }
                if answers:
                    put_down(answers, tokens=note["tokens"])
                    self.missing -= answers.keys()

    def _new(self, path: Path) -> list[dict[str, Any]]:
        with path.open("rb") as file:
            file.seek(self._places.get(path, 0))
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._places[path] = self._places.get(path, 0) + len(whole)
        notes = []
        for line in whole.splitlines():
            try:
                notes.append(orjson.loads(line))
            except orjson.JSONDecodeError:
                # After a power cut. Its rows stay unanswered, so they are asked again.
                continue
        return notes
