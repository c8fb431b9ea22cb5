"""The six VSD files as they are published, told by their git blob ids."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from vsdkit.errors import AlignmentError

__all__ = ["PUBLISHED", "Known", "PublishedFile", "blob_id", "recognise", "refuse_swapped"]


class PublishedFile(NamedTuple):
    """One of the files in the repository zhaoyucs/VSD."""

    version: str
    """``VSDv1`` or ``VSDv2``."""
    split: str
    """``train``, ``val`` or ``test``."""

    @property
    def name(self) -> str:
        """The file's name as people say it: ``VSDv1 val``."""
        return f"{self.version} {self.split}"


class Known(NamedTuple):
    """What is known of a VSD file."""

    file: PublishedFile | None
    """The published file it is, blanks and line ends aside; None if it is none."""
    told: str
    """What to say of it, as ``VSDv1 val, as published``; empty if nothing is known."""


PUBLISHED: Final[Mapping[str, PublishedFile]] = {
    "afc0f0f1195bd89c5e2d97cbb2240be27ea7df36": PublishedFile("VSDv1", "train"),
    "8800508cc54f200ee4da46e3629f23e700fe75f0": PublishedFile("VSDv2", "train"),
    "2a617ab2e03a072ca21f298ba69b3a34c34c2376": PublishedFile("VSDv1", "val"),
    "4f05fdcceeb0cbb572557d279b423900ce96773a": PublishedFile("VSDv2", "val"),
    "6d7d0977ad0d40a0f0ab29731110a5468c74c8c7": PublishedFile("VSDv1", "test"),
    "6f3d77f08aa013d22a40c9c9878389091c61641a": PublishedFile("VSDv2", "test"),
}
"""Git's id of a file's content (``git hash-object FILE``) to what it is; zhaoyucs/VSD, a1ff08a."""

_IMAGES: Final[Mapping[int, str]] = {20_490: "train", 2_927: "val", 5_855: "test"}
"""Number of images to the split that has as many; the README of zhaoyucs/VSD."""


def blob_id(content: bytes) -> str:
    r"""Return git's id of a file's content.

    >>> blob_id(b"hello\n")
    'ce013625030ba8dba906f756967f9e9ca394464a'
    """
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def recognise(content: bytes, *, images: int) -> Known:
    """Return what a VSD file is: published, nearly published, or unknown.

    Args:
        content: The file's bytes, JSON.
        images: How many images it holds; a file with as many as no split is not hashed.
    """
    split = _IMAGES.get(images)
    if split is None:
        return Known(None, "")
    found = PUBLISHED.get(blob_id(content))
    if found is not None:
        return Known(found, f"{found.name}, as published")
    # An editor, a download or a program that indents changes the bytes and not one caption. The
    # published files are one line each, as json writes a list.
    found = PUBLISHED.get(blob_id(json.dumps(json.loads(content)).encode()))
    if found is not None:
        return Known(found, f"{found.name}, as published but for blanks and line ends")
    return Known(None, f"as many pictures as the published {split} split, but not one of its files")


def refuse_swapped(v1: Known, v2: Known, *, v1_path: Path, v2_path: Path) -> None:
    """Raise if a published file was named in the other one's place.

    Args:
        v1: What is known of the file named as VSDv1.
        v2: What is known of the file named as VSDv2.
        v1_path: Where VSDv1 was read, for messages.
        v2_path: Where VSDv2 was read, for messages.

    Raises:
        AlignmentError: If it was, or the two are of different splits.
    """
    first, second = v1.file, v2.file
    hint = ""
    if first and second and (first.version, second.version) == ("VSDv2", "VSDv1"):
        message = f"the two files are swapped: the first is {first.name}, the second {second.name}"
        hint = f"name VSDv1 first: {v2_path} {v1_path}"
    elif first and first.version != "VSDv1":
        message = f"the file named as VSDv1 is {first.name}"
    elif second and second.version != "VSDv2":
        message = f"the file named as VSDv2 is {second.name}"
    elif first and second and first.split != second.split:
        message = f"the two files are of different splits: {first.name} and {second.name}"
    else:
        return
    raise AlignmentError(
        message,
        where=f"{v1_path} and {v2_path}",
        hint=hint or "give VSDv1 and VSDv2 of the same split",
    )
