"""Answers so far, beside the output: a run that was killed goes on, other settings are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from vsdkit.data.jsonl import append_rows, open_atomic, read_appended
from vsdkit.data.records import RowKey
from vsdkit.data.row_files import read_prediction_rows
from vsdkit.manifest import Manifest, manifest_path, read_manifest, refuse_other

if TYPE_CHECKING:
    from vsdkit.data.records import GoldRow

__all__ = ["KeptAnswers", "Said"]


class Said(NamedTuple):
    """An answer as it is put down."""

    raw: str
    """What the model said, word for word."""
    finished: bool
    """Whether it came to the stop token by itself."""


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
    """The answers so far."""

    @classmethod
    def open(cls, output: Path, made_with: Mapping[str, Any], *, overwrite: bool) -> KeptAnswers:
        """Return the answers so far; with ``overwrite`` only those of an unfinished run.

        Raises:
            ConfigError: If answers are there that were made with other settings, or it is not
                known with which; what differs is named.
        """
        kept = cls(output, made_with, {})
        if not overwrite:
            kept._take_finished()
        kept._take_part(overwrite=overwrite)
        with open_atomic(kept._part_manifest) as file:
            file.write(orjson.dumps({"made_with": dict(made_with)}).decode())
        return kept

    @contextmanager
    def append(self) -> Iterator[Callable[[Mapping[RowKey, Said]], None]]:
        """Yield a function that puts answers down and returns when they are on the disk."""
        with append_rows(self._part) as append:

            def put_down(answers: Mapping[RowKey, Said]) -> None:
                append(
                    {"id": key.id, "task": key.task, "raw": said.raw, "finished": said.finished}
                    for key, said in answers.items()
                )
                self.said.update(answers)

            yield put_down

    def close(
        self, manifest: Manifest, rows: Sequence[GoldRow], *, inputs: Iterable[Path], **facts: Any
    ) -> None:
        """Write the output's run.json and delete the .part files."""
        manifest.write(
            manifest_path(self.output),
            inputs=inputs,
            outputs=[self.output],
            made_with=dict(self.made_with),
            unfinished_rows=[list(row.key) for row in rows if not self.said[row.key].finished],
            **facts,
        )
        self._part.unlink(missing_ok=True)
        self._part_manifest.unlink(missing_ok=True)

    @property
    def _part(self) -> Path:
        return self.output.with_name(f"{self.output.name}.part.jsonl")

    @property
    def _part_manifest(self) -> Path:
        return self.output.with_name(f"{self.output.name}.part.run.json")

    def _take_finished(self) -> None:
        if not self.output.exists():
            return
        place = manifest_path(self.output)
        facts = read_manifest(place) if place.exists() else {}
        refuse_other(self.output, facts.get("made_with"), self.made_with)
        unfinished = {RowKey(*key) for key in facts.get("unfinished_rows", ())}
        for row in read_prediction_rows(self.output):
            self.said[row.key] = Said(row.raw or "", row.key not in unfinished)

    def _take_part(self, *, overwrite: bool) -> None:
        place = self._part_manifest
        before = read_manifest(place).get("made_with") if place.exists() else None
        # Read first: it says whether another process is at work there.
        rows = read_appended(self._part)
        # Without its run.json nothing was put down: that is written before the first answer.
        if before is None or (overwrite and before != self.made_with):
            if self._part.exists():
                self._part.unlink()
            rows = []
        if rows:
            refuse_other(self._part, before, self.made_with)
        for _, row in rows:
            self.said[RowKey(row["id"], row["task"])] = Said(row["raw"], row["finished"])
