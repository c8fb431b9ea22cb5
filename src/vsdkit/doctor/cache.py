"""The cache folder: its size, and what ``--clear-cache`` deletes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from vsdkit.data.cache import cache_folder
from vsdkit.errors import VsdkitError
from vsdkit.jvm import spice_folder

__all__ = ["clear_cache", "folder_size"]

# Databases with their side files (-wal, -shm) and damaged ones that were set aside; tables of
# instruction rows.
_KEPT_BETWEEN_RUNS = (
    "parsed_sentences.sqlite*",
    "server_answers.sqlite*",
    "java_error_*.log",
    "rows",
)


def folder_size(folder: Path) -> int:
    """Return the bytes of all files in a folder and below; 0 if it is not there."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def clear_cache() -> int:
    """Delete what is kept between runs and left-overs, and return how many bytes that freed.

    SPICE's files stay: a machine without a network could not get them again.

    Raises:
        VsdkitError: If something cannot be deleted.
    """
    freed = 0
    for path in _clearable():
        try:
            if path.is_dir():
                freed += folder_size(path)
                shutil.rmtree(path)
            else:
                freed += path.stat().st_size
                path.unlink()
        except OSError as error:
            raise VsdkitError(
                f"cannot be deleted: {error.strerror or error}", where=str(path)
            ) from error
    return freed


def _clearable() -> Iterator[Path]:
    folder = cache_folder()
    for pattern in _KEPT_BETWEEN_RUNS:
        yield from sorted(folder.glob(pattern))
    # What a killed fetch left.
    yield from sorted(spice_folder().glob(".part-*"))
