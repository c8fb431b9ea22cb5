"""An image file that was opened: its size, its content's hash, and how it is noted."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from stat import S_ISREG
from typing import Any, NamedTuple

from vsdkit.data.images.opening import BROKEN_HINT, open_image
from vsdkit.errors import DataError

__all__ = ["ImageFile", "note_images", "read_noted_images"]


class ImageFile(NamedTuple):
    """An image on disk that was opened, its size in pixels, upright, and its content's hash."""

    path: str
    height: int
    width: int
    bytes: int
    modified_ns: int
    changed_ns: int
    """When the file itself was last written or put in place: no copy keeps that time, as many
    keep the time of modification. With it, ``bytes`` and ``modified_ns`` tell whether the file is
    still the one that was opened."""
    sha256: str
    """Of the file's bytes."""

    @classmethod
    def measure(cls, path: Path, before: ImageFile | None = None) -> ImageFile:
        """Open and hash a file, or return ``before`` if the file is still that one.

        Raises:
            DataError: If it is not an image that opens.
        """
        try:
            state = path.stat()
            # Resolved: a training process may stand in another folder, and a link may be laid anew.
            place = os.path.realpath(path)
        except OSError as error:
            raise _broken(path, f"cannot be read: {error.strerror}") from error
        seen = (place, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        if before is not None and seen == (
            *(before.path, before.bytes),
            *(before.modified_ns, before.changed_ns),
        ):
            return before
        if not S_ISREG(state.st_mode):
            # A pipe would keep its reader waiting for ever.
            raise _broken(path, "not a file")
        if not state.st_size:
            raise _broken(path, "not a picture that can be opened: the file is empty")
        image = open_image(path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(place, image.height, image.width, *seen[1:], digest)


def _broken(path: Path, reason: str) -> DataError:
    return DataError(reason, where=str(path), hint=BROKEN_HINT)


def note_images(images: Mapping[str, ImageFile]) -> dict[str, str]:
    """Return images as a run's or an output's JSON notes them: one short line each."""
    # The path last: it may hold blanks.
    return {name: " ".join(map(str, (*file[1:], file.path))) for name, file in images.items()}


def read_noted_images(noted: Any) -> dict[str, ImageFile]:
    """Return the images that ``note_images`` noted; of what an older version noted, none.

    What is not known to be unchanged is opened again, so nothing is lost but time.
    """
    images: dict[str, ImageFile] = {}
    for name, text in noted.items() if isinstance(noted, dict) else ():
        parts = str(text).split(" ", len(ImageFile._fields) - 1) if isinstance(text, str) else []
        if len(parts) == len(ImageFile._fields) and all(map(str.isdecimal, parts[:5])):
            height, width, size, modified, changed = map(int, parts[:5])
            images[name] = ImageFile(parts[6], height, width, size, modified, changed, parts[5])
    return images
