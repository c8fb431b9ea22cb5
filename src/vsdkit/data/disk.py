"""Free space, and which disk it is on, of folders that need not be there yet."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["disk_of", "free_bytes"]


def free_bytes(folder: Path) -> int:
    """Return the bytes that are free where a folder is or would be made."""
    return shutil.disk_usage(_existing(folder)).free


def disk_of(folder: Path) -> int:
    """Return what tells the disk of a folder from other disks: the system's device number."""
    return _existing(folder).stat().st_dev


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder
