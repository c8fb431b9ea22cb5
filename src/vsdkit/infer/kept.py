"""Answers so far, beside the output: a run that was killed goes on, other settings are refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vsdkit.data.images.file import ImageFile, note_images, read_noted_images
from vsdkit.data.jsonl import (
    append_rows,
    dump_document,
    open_atomic,
    read_appended,
    write_rows,
)
from vsdkit.data.records import RowKey
from vsdkit.data.row_files import read_prediction_rows
from vsdkit.manifest import Manifest, manifest_path, read_manifest, refuse_other

if TYPE_CHECKING:
    from vsdkit.data.records import GoldRow

__all__ = ["KeptAnswers", "Said", "from_rows", "processes_folder", "to_rows"]


class Said(NamedTuple):
    """An answer as it is put down."""

    raw: str
    """What the model said, word for word."""
    finished: bool
    """Whether it came to the stop token by itself."""
    image: str | None
    """SHA-256 of the image file that it was asked about; None if that was not noted."""
    probabilities: Mapping[str, float] | None = None
    """Label to its probability, where the labels were weighed."""
    error: str | None = None
    """Why there is no answer."""
    because: str | None = None
    """What speaks for the label, in words."""

    @classmethod
    def failed(cls, error: str) -> Said:
        """Return what is put down of a row that has no answer."""
        return cls("", finished=False, image=None, error=error)

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Said:
        """Return what ``to_dict`` wrote."""
        return cls(**{name: row[name] for name in cls._fields if name in row})

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON, without what this answer does not have."""
        rare = ("probabilities", "error", "because")
        return {
            name: value
            for name, value in self._asdict().items()
            if value is not None or name not in rare
        }


def to_rows(answers: Mapping[RowKey, Said]) -> Iterator[dict[str, Any]]:
    """Yield answers as JSON."""
    for key, said in answers.items():
        yield {"id": key.id, "task": key.task, **said.to_dict()}


def from_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[RowKey, Said]]:
    """Yield what ``to_rows`` wrote."""
    for row in rows:
        yield RowKey(row["id"], row["task"]), Said.read({"image": None, **row})


def processes_folder(output: Path) -> Path:
    """Return where the processes that answer for an output have their files until its end."""
    return output.with_name(f"{output.name}.part.processes")


@dataclass(frozen=True, slots=True)
class KeptAnswers:
    """The answers that are there, made with the same settings.

    While a run goes on they stand in ``<output>.part.jsonl``, what they were made with in
    ``<output>.part.run.json``; at its end both are gone and the output has its run.json.
    """

    output: Path
    """The file of predictions."""
    made_with: Mapping[str, Any]
    """The identity of the answers."""
    said: dict[RowKey, Said]
    """The answers so far, and what failed since this start."""
    images: dict[str, ImageFile]
    """The images as they were when they were asked about."""

    @classmethod
    def open(
        cls,
        output: Path,
        made_with: Mapping[str, Any],
        *,
        rows: Iterable[GoldRow],
        overwrite: bool,
    ) -> KeptAnswers:
        """Return the answers so far; with ``overwrite`` only those of an unfinished run.

        Args:
            output: The file of predictions.
            made_with: The identity of the answers.
            rows: All that are asked.
            overwrite: Begin anew whatever finished answers are there.

        Raises:
            ConfigError: If answers are there that were made with other settings, or it is not
                known with which; what differs is named.
        """
        kept = cls(output, made_with, {}, {})
        if not overwrite:
            kept._take_finished({row.key: row.image for row in rows})
        kept._take_part(overwrite=overwrite)
        return kept

    def begin(self, rows: Iterable[GoldRow], images: Mapping[str, ImageFile]) -> int:
        """Forget answers about images that have changed, and note what the others are made with.

        Args:
            rows: All that are asked.
            images: The images as they are now.

        Returns:
            How many answers were forgotten.
        """
        stale = [
            row.key
            for row in rows
            if row.key in self.said
            # An engine that opens no image has none that could have changed.
            and row.image in images
            and self.said[row.key].image != images[row.image].sha256
        ]
        for key in stale:
            del self.said[key]
        self.images.clear()
        self.images.update(images)
        self._note()
        return len(stale)

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write the output.

        Args:
            rows: Its rows, as JSON.
        """
        # A kill, or a full disk, between the output and its run.json: without the mark the output
        # would be somebody's of whom nothing is known, and refused.
        self._note(writing=True)
        write_rows(self.output, rows)

    def _note(self, **more: Any) -> None:
        content = {"made_with": dict(self.made_with), "images": note_images(self.images), **more}
        with open_atomic(self._part_manifest) as file:
            file.write(dump_document(content))

    @contextmanager
    def append(self) -> Iterator[Callable[[Mapping[RowKey, Said]], None]]:
        """Yield a function that puts answers down and returns when they are on the disk."""
        with append_rows(self._part) as append:

            def put_down(answers: Mapping[RowKey, Said]) -> None:
                append(to_rows(answers))
                self.said.update(answers)

            yield put_down

    def close(
        self,
        manifest: Manifest,
        rows: Sequence[GoldRow],
        *,
        inputs: Iterable[Path],
        **facts: Any,
    ) -> None:
        """Write the output's run.json and delete the .part files.

        Args:
            manifest: Begun when the command began.
            rows: All that were answered.
            inputs: Files that were read.
            **facts: Anything else that is JSON.
        """
        manifest.write(
            manifest_path(self.output),
            inputs=inputs,
            outputs=[self.output],
            made_with=dict(self.made_with),
            images=note_images(self.images),
            unfinished_rows=[
                list(row.key)
                for row in rows
                if not (self.said[row.key].finished or self.said[row.key].error)
            ],
            **facts,
        )
        self._part.unlink(missing_ok=True)
        self._part_manifest.unlink(missing_ok=True)
        # Of no use now; a process of a killed command may be on its way out of it.
        shutil.rmtree(processes_folder(self.output), ignore_errors=True)

    @property
    def _part(self) -> Path:
        return self.output.with_name(f"{self.output.name}.part.jsonl")

    @property
    def _part_manifest(self) -> Path:
        return self.output.with_name(f"{self.output.name}.part.run.json")

    def _take_finished(self, images: Mapping[RowKey, str]) -> None:
        if not self.output.exists():
            return
        place = manifest_path(self.output)
        facts = read_manifest(place) if place.exists() else {}
        part = read_manifest(self._part_manifest) if self._part_manifest.exists() else {}
        if (
            facts.get("made_with") != self.made_with
            and part.get("writing")
            and part.get("made_with") == self.made_with
        ):
            # Written by a run that came no further: its answers are in the .part file.
            return
        refuse_other(self.output, facts.get("made_with"), self.made_with)
        unfinished = {RowKey(*key) for key in facts.get("unfinished_rows", ())}
        self.images.update(read_noted_images(facts.get("images")))
        for row in read_prediction_rows(self.output):
            if row.error is not None:
                # Asked again.
                continue
            asked = self.images.get(images.get(row.key, ""))
            self.said[row.key] = Said(
                row.raw or "",
                row.key not in unfinished,
                None if asked is None else asked.sha256,
                row.probabilities,
                because=row.because,
            )

    def _take_part(self, *, overwrite: bool) -> None:
        place = self._part_manifest
        facts = read_manifest(place) if place.exists() else {}
        before = facts.get("made_with")
        # Read first: it says whether another process is at work there.
        rows = read_appended(self._part)
        # Without its run.json nothing was put down: that is written before the first answer.
        if before is None or (overwrite and before != self.made_with):
            if self._part.exists():
                self._part.unlink()
            rows = []
        if rows:
            refuse_other(self._part, before, self.made_with)
            self.images.update(read_noted_images(facts.get("images")))
        for key, said in from_rows(row for _, row in rows):
            if said.error is None:
                self.said[key] = said
