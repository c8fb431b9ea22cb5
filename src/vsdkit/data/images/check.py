"""Open every image of a command's rows once, before any work, and name all that do not open."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from vsdkit.data.images.file import ImageFile
from vsdkit.data.images.folders import FoundImages, Reject, first_few
from vsdkit.data.images.opening import BROKEN_HINT
from vsdkit.data.jsonl import write_rows
from vsdkit.errors import DataError, VsdkitError
from vsdkit.progress import SILENT, Listener

__all__ = ["CheckedImages", "check_images"]

_OPENERS: Final = min(16, (os.cpu_count() or 1) + 2)
"""Threads that open images: Pillow decodes without Python's lock, so one for each core and two
that wait for the disk; more than 16 only fill memory with decoded images."""


@dataclass(frozen=True, slots=True)
class CheckedImages:
    """Images that were opened."""

    files: dict[str, ImageFile] = field(default_factory=dict)
    """Name in the rows to the file, opened."""
    broken: list[Reject] = field(default_factory=list)
    """Images of which no file opens, left out."""
    replaced: dict[str, str] = field(default_factory=dict)
    """Name to the whole copy in a later folder that stands in for a broken file."""

    @property
    def left_out(self) -> list[str]:
        """The names of the images that are left out, sorted."""
        return sorted(one.image for one in self.broken)

    def identity(self) -> dict[str, Any]:
        """Return what tells these images from others: a digest of their content, what is left out.

        Where the files lie does not count.
        """
        digest = sha256()
        for name, file in sorted(self.files.items()):
            digest.update(f"{name}\0{file.sha256}\n".encode("utf-8", "surrogatepass"))
        return {"images": digest.hexdigest(), "left_out_images": self.left_out}


def check_images(
    found: FoundImages,
    *,
    listener: Listener = SILENT,
    opened: Mapping[str, ImageFile] | None = None,
    skip_broken: bool = False,
    rejects: Path | None = None,
) -> CheckedImages:
    """Return the file, size and hash of each image, having opened it whole with ``open_image``.

    What passes here opens later too, since training and inference open images the same way; a
    header alone would not tell that the pixels are cut off. In the place of a broken file a whole
    one of the same name is taken from a later folder, and that is told.

    Args:
        found: Images and their files.
        listener: Shows a bar, and hears of what is not as it should be.
        opened: What an earlier call returned; a file that is as it was then is not opened again.
        skip_broken: Leave broken images out instead of raising.
        rejects: A file to list everything in that is missing, ambiguous or broken, as JSON Lines;
            without it, what is missing is told before any image is opened.

    Raises:
        MissingInputError: If an image has no file.
        DataError: If some do not open, or with ``skip_broken`` none does, or a name stands for
            several pictures; how many and the first few are named.
    """
    if rejects is None:
        found.require()
    checked = _open_all(found, listener, opened or {})
    for what, paths in (
        ("do not open; a whole copy is taken from a later folder", checked.replaced),
        ("are numbers without extension and found with another one than .jpg", found.other_format),
    ):
        if paths:
            named = first_few([f"{name}: {path}" for name, path in paths.items()])
            listener.message(f"{len(paths):,} pictures {what}: {named}")
    rejected = [*found.missing, *found.ambiguous, *checked.broken]
    if rejects is not None:
        write_rows(rejects, (one.to_dict() for one in rejected))
    error = found.error()
    if error is not None:
        if checked.broken:
            error.message += f"; {len(checked.broken):,} more do not open"
        raise error
    if checked.broken and not (skip_broken and checked.files):
        raise _broken_error(checked.broken, len(found.paths), skip_broken=skip_broken)
    return checked


def _open_all(
    found: FoundImages, listener: Listener, opened: Mapping[str, ImageFile]
) -> CheckedImages:
    checked = CheckedImages()

    def check(name: str) -> ImageFile | DataError:
        error: DataError | None = None
        # Lazily: whether there are copies is asked for broken files alone.
        for path in _places(found, name):
            try:
                return ImageFile.measure(path, opened.get(name))
            except DataError as failed:
                error = error or failed
        assert error is not None
        return error

    with (
        listener.track("open images", total=len(found.paths)) as tracker,
        ThreadPoolExecutor(_OPENERS) as pool,
    ):
        for name, file in zip(found.paths, pool.map(check, found.paths), strict=True):
            if isinstance(file, DataError):
                checked.broken.append(Reject(name, file.where, file.message))
            else:
                checked.files[name] = file
                if file.path != os.path.realpath(found.paths[name]):
                    checked.replaced[name] = file.path
            tracker.advance()
    return checked


def _places(found: FoundImages, name: str) -> Iterator[Path]:
    yield found.paths[name]
    if found.folders is not None:
        yield from found.folders.find_copies(name)


def _broken_error(broken: list[Reject], count: int, *, skip_broken: bool) -> VsdkitError:
    return DataError(
        f"{len(broken):,} of {count:,} pictures do not open: {broken[0].reason}",
        where=first_few([str(one.path) for one in broken]),
        hint="fetch them again: nothing is left to do" if skip_broken else BROKEN_HINT,
    )
