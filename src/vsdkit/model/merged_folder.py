"""A merged model's folder: the note that says what the model was trained with and how it is asked.

The folder is a plain one of transformers. Beside its files lie run.json and the texts of the run
that it was merged from, which no other program reads.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from vsdkit.errors import MissingInputError
from vsdkit.manifest import read_manifest
from vsdkit.model.run_folder import RUN, TrainedRun

__all__ = ["MERGE", "merged_facts", "read_merged"]

MERGE: Final = "merge"
"""The command that run.json of such a folder names."""


def merged_facts(folder: Path) -> dict[str, Any] | None:
    """Return what run.json of a merged model's folder says; None of any other folder.

    Raises:
        DataError: If it has a run.json that cannot be read.
    """
    try:
        facts = read_manifest(folder / RUN)
    except MissingInputError:
        return None
    return facts if facts.get("command") == MERGE and facts.get("complete") is True else None


def read_merged(base: str) -> TrainedRun | None:
    """Return the run that a base model was merged from, with the merged folder as its base.

    Args:
        base: Name of a base model; None is returned of all that are no merged folder.

    Raises:
        CheckpointError: If the folder lacks a text that was written with it.
        DataError: If its run.json is damaged.
    """
    facts = merged_facts(Path(base))
    return None if facts is None else replace(TrainedRun.read_texts(Path(base), facts), base=base)
