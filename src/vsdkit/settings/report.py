"""Settings of ``vsdkit report``: what is looked at, and the folder the page goes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from vsdkit.settings.defaults import BASE, PREDS
from vsdkit.settings.fields import Folder, Images, Paths, Seed
from vsdkit.settings.resolve import SAME_RESULT, Flag
from vsdkit.settings.scoring import ScoringSettings

__all__ = ["ReportSettings"]

_BEGINNING = 65_536
"""Bytes that are looked at: what all rows have stands in the first one."""


class ReportSettings(ScoringSettings):
    """Inputs of one kind, their pictures, and where the page goes."""

    inputs: Annotated[
        Paths, Field(min_length=1), Flag(metavar="FILE|RUN [GOLD]", argument=True)
    ] = (PREDS,)
    """Predictions, one file or folder for each system; or instruction rows; or folders of runs.
    Behind predictions the last file may be gold, unless ``--gold`` names it, or the items that were
    asked; where neither is named it is what ``infer`` noted beside them."""

    images: Images | None = None
    """Folders of the pictures; without, boxes are drawn as outlines."""

    base: str = Field(default=BASE, min_length=1)
    """Of instruction rows: the base whose tokenizer counts, if it is on this machine; nothing is
    fetched."""

    seed: Seed = 0
    """Seed of the resamples, and of the twenty instruction rows that are shown."""

    output: Annotated[Folder, SAME_RESULT] = Path("report")
    """Folder that the page goes to; an older report in it is replaced."""

    @classmethod
    def from_command_line(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the flags with gold told from the inputs before it."""
        inputs: Sequence[Path] = given.get("inputs") or ()
        if given.get("gold"):
            return given
        # One file alone is looked at, and VSD's two files are gold together.
        count = next(
            (
                count
                for count, knows in ((2, _is_vsd), (1, _is_gold))
                if len(inputs) > count and all(map(knows, inputs[-count:]))
            ),
            0,
        )
        if not count:
            return given
        return {**given, "inputs": inputs[:-count], "gold": inputs[-count:]}


def _is_gold(path: Path) -> bool:
    """Say whether a file holds items with their objects, and no answers to them."""
    beginning = _beginning(path)
    named = b'"subject"' in beginning and b'"object"' in beginning
    return path.suffix.lower() == ".csv" or (named and b'"prediction"' not in beginning)


def _is_vsd(path: Path) -> bool:
    beginning = _beginning(path).lstrip()
    # A submission of the challenge has the same form, without boxes.
    return beginning.startswith(b"[") and all(
        key in beginning for key in (b'"img_id"', b'"captions"', b'"s_bbox"')
    )


def _beginning(path: Path) -> bytes:
    # What is not there, or cannot be read, is told by whoever reads it whole. A pipe is read once.
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(_BEGINNING)
    except OSError:
        return b""
