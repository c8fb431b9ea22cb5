"""The base that rows are counted for: what of it is on this machine; nothing is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vsdkit.conversation import load_conversation
from vsdkit.data.images.file import ImageFile
from vsdkit.errors import MissingInputError
from vsdkit.finetune.rows import InstructionTable
from vsdkit.finetune.tokens import RowCounter
from vsdkit.model.bases import DEFAULT_BASE, TINY_BASE, check_base, find_cached
from vsdkit.settings.finetune import FinetuneSettings

__all__ = ["find_here", "make_counter", "settings_for"]


def settings_for(instructions: Path, base: str) -> FinetuneSettings:
    """Return the settings with which ``vsdkit finetune`` would train on rows, given a base.

    Raises:
        MissingInputError: If a base other than the default one is not on this machine.
    """
    return FinetuneSettings(instructions=instructions, base=find_here(base))


def find_here(base: str) -> str:
    """Return what a base is loaded by, without asking any server for it.

    Raises:
        MissingInputError: If it is not on this machine; the default one need not be.
    """
    if base in (DEFAULT_BASE, TINY_BASE) or Path(base).is_dir():
        return base
    cached = find_cached(base) if "/" in base else None
    if cached is None:
        raise MissingInputError(
            f"this base is not on this machine, and a report fetches nothing: {base}",
            where="--base",
            hint=f"fetch it (hf download {base}), name a folder, or leave --base out",
        )
    # The folder in the hub's cache: by the name transformers would ask the hub what is new.
    return str(cached)


def make_counter(
    settings: FinetuneSettings, rows: InstructionTable, files: Mapping[str, ImageFile]
) -> RowCounter:
    """Return what counts the tokens of rows for a base, or nearly where its tokenizer is not here.

    Raises:
        CheckpointError: If the base is of no known family, or lacks its tokenizer.
    """
    return RowCounter(
        settings,
        rows,
        files=files,
        conversation=load_conversation(settings.conversation),
        config=check_base(settings.base, image_mode=settings.image_mode, only_plans=True),
    )
