"""The engine ``boxes``: a model of boxes and tags, fitted in seconds, that opens no image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vsdkit.boxes.fit import fit_file
from vsdkit.errors import DataError
from vsdkit.infer.kept import Said
from vsdkit.manifest import hash_file
from vsdkit.progress import SILENT, Listener

if TYPE_CHECKING:
    from pathlib import Path

    from vsdkit.boxes.features import Pair
    from vsdkit.boxes.model import BoxesModel, Described
    from vsdkit.data.records import GoldRow, RowKey
    from vsdkit.infer.engine import PutDown, Work
    from vsdkit.settings.infer import InferSettings

__all__ = ["BoxesEngine", "FittedBoxes", "choose_boxes", "pairs_of"]

_SEED: Final = 0
"""Of a model that ``--fit`` makes; ``vsdkit fit-boxes --seed`` takes another."""
_ROWS_A_STEP: Final = 3_000
"""Rows between two movements of the bar: about a second's work."""


@dataclass(frozen=True, slots=True)
class FittedBoxes:
    """A model of boxes and tags, and where it is from."""

    model: BoxesModel
    """Who answers."""
    source: Path
    """Its file, or the gold rows that it was fitted on."""

    @property
    def base(self) -> str:
        """What the report and run.json call it."""
        return f"boxes, {self.source}"

    @property
    def adapter(self) -> None:
        """There is none."""
        return None

    @property
    def training_images(self) -> frozenset[str]:
        """Names of the images of the rows that it was fitted on."""
        return frozenset(self.model.images)

    @property
    def form(self) -> dict[str, str | None]:
        """How the model is asked, as run.json keeps it: with nothing but boxes and tags."""
        return {"template": None, "conversation": None, "image_mode": None}


def choose_boxes(settings: InferSettings, *, listener: Listener = SILENT) -> FittedBoxes:
    """Return the model of a file, or one fitted now.

    Raises:
        MissingInputError: If the file is not there.
        DataError: If it is no such model, or rows are wrong or too few to fit on.
    """
    if settings.fit is not None:
        return FittedBoxes(fit_file(settings.fit, seed=_SEED, listener=listener)[0], settings.fit)
    from vsdkit.boxes.model import BoxesModel

    assert settings.boxes_model is not None
    return FittedBoxes(BoxesModel.read(settings.boxes_model), settings.boxes_model)


@dataclass(frozen=True, slots=True)
class BoxesEngine:
    """Answers all rows of a pair at once, of boxes and tags alone."""

    fitted: FittedBoxes
    """Who answers."""
    settings: InferSettings
    """Which files the model is from."""

    @property
    def opens_images(self) -> bool:
        """Whether the images are looked at: they are not."""
        return False

    @property
    def identity(self) -> Mapping[str, Any]:
        """The content of the file that the model is from."""
        return {
            name: None if path is None else hash_file(path)
            for name, path in (
                ("fit", self.settings.fit),
                ("boxes_model", self.settings.boxes_model),
            )
        }

    def answer(self, work: Work, put_down: PutDown) -> None:
        """Answer all that is left; a row without a box gets an error."""
        left = [row for row in work.rows if row.key in work.left]
        for start in range(0, len(left), _ROWS_A_STEP):
            put_down(self._answers(left[start : start + _ROWS_A_STEP]))

    def _answers(self, rows: Sequence[GoldRow]) -> dict[RowKey, Said]:
        asked, failed = pairs_of(rows)
        # The three tasks of a pair are one question to the model.
        pairs = list(dict.fromkeys(asked.values()))
        said = dict(zip(pairs, self.fitted.model.describe(pairs), strict=True))
        return failed | {key: _said(key.task, said[pair]) for key, pair in asked.items()}


def pairs_of(rows: Iterable[GoldRow]) -> tuple[dict[RowKey, Pair], dict[RowKey, Said]]:
    """Return the pair of each row that has both boxes, and the error of each that has not."""
    from vsdkit.boxes.features import pair_of

    pairs: dict[RowKey, Pair] = {}
    failed: dict[RowKey, Said] = {}
    for row in rows:
        try:
            pairs[row.key] = pair_of(row)
        except DataError as error:
            failed[row.key] = Said.failed(error.one_line())
    return pairs, failed


def _said(task: int, found: Described) -> Said:
    if task == 1:
        return Said(found.relation, True, None, found.probabilities, because=found.because)
    return Said(found.sentence if task == 2 else "\n".join(found.sentences), True, None)
