"""Small copies of pictures in a report's folder, made once and kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TextIO, cast

from vsdkit.data.images import Reject
from vsdkit.data.images.opening import read_image, read_size
from vsdkit.data.jsonl import open_atomic
from vsdkit.errors import DataError
from vsdkit.progress import Listener
from vsdkit.report.page import Page, digest_name

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Thumbnail", "Thumbnails", "make_thumbnails"]

_SIDE: Final = 360
"""Pixels of the longer side: as wide as a phone, and twice a cell of a grid."""
_MOST_BYTES: Final = 25_000
_TRIES: Final = ((_SIDE, 70), (_SIDE, 50), (_SIDE, 30), (_SIDE * 2 // 3, 30))
"""Side and JPEG quality, until a copy is small enough: a lawn takes three times a wall's bytes."""
_MAKING: Final = f"{_TRIES} {_MOST_BYTES}\n".encode()
"""Part of what names a copy, so that one that was made otherwise is made anew."""
_THREADS: Final = min(16, (os.cpu_count() or 1) + 2)
"""Pillow works without Python's lock, so one for each core and two that wait for the disk."""


class Thumbnail(NamedTuple):
    """A small copy, and the size of the picture that it is of."""

    path: str
    """Its place in the page's folder."""
    width: int
    """Of the picture itself, upright, in pixels: boxes are in those."""
    height: int
    """The same."""


@dataclass(frozen=True)
class Thumbnails:
    """The small copies, by the names of their pictures."""

    thumbnails: dict[str, Thumbnail] = field(default_factory=dict)
    """Those that there are."""
    broken: list[Reject] = field(default_factory=list)
    """Pictures that do not open."""


def make_thumbnails(paths: Mapping[str, Path], page: Page, listener: Listener) -> Thumbnails:
    """Return the small copy of each picture, making those that are not there yet.

    A copy is named after the content of its picture: a name with folders in it leads nowhere, the
    same picture is kept once, and a copy that is there is the right one.

    Args:
        paths: Name to file.
        page: Whose folder they go to.
        listener: Shows a bar.

    Raises:
        DataError: If none of the pictures opens.
        VsdkitError: If a copy cannot be written.
    """
    found = Thumbnails()

    def make(path: Path) -> Thumbnail | DataError:
        try:
            return _make(path, page.thumbnails)
        except DataError as error:
            return error

    with (
        listener.track("pictures", total=len(paths)) as tracker,
        ThreadPoolExecutor(_THREADS) as pool,
    ):
        # After an error or Ctrl-C map cancels what has not begun.
        for (name, path), made in zip(paths.items(), pool.map(make, paths.values()), strict=True):
            if isinstance(made, DataError):
                found.broken.append(Reject(name, str(path), made.message))
            else:
                found.thumbnails[name] = made
            tracker.advance()
    if paths and not found.thumbnails:
        first = found.broken[0]
        raise DataError(
            f"none of the {len(paths):,} pictures opens; the first: {first.reason}",
            where=first.path or "",
            hint="name the folder that holds the pictures: --images FOLDER",
        )
    for path_in_page in {one.path for one in found.thumbnails.values()}:
        page.keep(path_in_page)
    return found


def _make(path: Path, folder: Path) -> Thumbnail:
    try:
        if not path.is_file():
            # A pipe would keep its reader waiting for ever.
            raise DataError("not a file")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}") from error
    name = digest_name("picture.jpg", sha256(_MAKING + content).hexdigest())
    target = folder / name
    place = f"{folder.name}/{name}"
    if target.is_file() and (size := read_size(path)):
        return Thumbnail(place, size.width, size.height)
    image = read_image(content, where=str(path))
    made = Thumbnail(place, image.width, image.height)
    packed = _pack(image)
    with open_atomic(target) as file:
        cast("TextIO", file).buffer.write(packed)
    return made


def _pack(image: Image.Image) -> bytes:
    content = BytesIO()
    for side, quality in _TRIES:
        # In its place: the next side is no larger. Twice the wanted size is read off fast, the
        # rest is done well.
        image.thumbnail((side, side), reducing_gap=2.0)
        content = BytesIO()
        image.save(content, "JPEG", quality=quality, optimize=True)
        if content.tell() <= _MOST_BYTES:
            break
    return content.getvalue()
