"""Images on disk: their names, the folders that hold them, and the one way to open them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vsdkit.errors import DataError, MissingInputError
from vsdkit.progress import SILENT, Listener

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ImageFile", "ImageFolders", "check_images", "image_name", "open_image", "to_rgb"]

IMAGE_SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".png",
    ".gif",
    ".webp",
    ".bmp",
    ".tif",
    ".tiff",
    ".heic",
    ".heif",
)
_OPENERS = min(16, (os.cpu_count() or 1) + 2)
"""Threads that open images: Pillow decodes without Python's lock, so one for each core and two
that wait for the disk; more than 16 only fill memory with decoded images."""
_NAMED = 3
"""Of many faults so many are named."""


class ImageFile(NamedTuple):
    """An image on disk that was opened, and its size in pixels, upright."""

    path: str
    height: int
    width: int
    bytes: int
    modified_ns: int
    """With ``bytes`` it tells whether the file is still the one that was opened."""


def image_name(image_id: str) -> str:
    """Return the file name of a VSD image.

    Visual Genome ids are numbers without extension; SpatialSense names hold dots inside, so only
    a known image suffix counts as one.

    >>> image_name("2670"), image_name("nyu_office_0012_r-12.10-39.png")
    ('2670.jpg', 'nyu_office_0012_r-12.10-39.png')
    """
    return image_id if image_id.lower().endswith(IMAGE_SUFFIXES) else f"{image_id}.jpg"


class ImageFolders:
    """Finds images by name in folders and all folders below them.

    Args:
        folders: Where to look; an earlier folder goes before a later one.

    Raises:
        MissingInputError: If no folder is named, or one is not there.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        if not folders:
            raise MissingInputError("no folder of pictures named", hint="name one: --images FOLDER")
        for folder in folders:
            if not folder.is_dir():
                raise MissingInputError(
                    "no such folder of pictures",
                    where=str(folder),
                    hint="name the folder that holds them: --images FOLDER (docs/data.md)",
                )
        self.folders = tuple(folders)
        self._paths: dict[str, Path] | None = None

    def find(self, image: str) -> Path | None:
        """Return the path of an image, or None if there is none of that name.

        A name with a folder in it, as ``flickr/1.jpg``, is looked for as it is first.
        """
        for folder in self.folders:
            path = folder / image
            if path.is_file():
                return path
        if self._paths is None:
            self._paths = self._index()
        return self._paths.get(Path(image).name)

    def find_all(self, images: Iterable[str]) -> dict[str, Path]:
        """Return the path of each image.

        Raises:
            MissingInputError: If any is missing; how many and the first few are named.
        """
        names = list(dict.fromkeys(images))
        found = {name: path for name in names if (path := self.find(name)) is not None}
        missing = [name for name in names if name not in found]
        if missing:
            raise MissingInputError(
                f"{len(missing):,} of {len(names):,} pictures not found: {_first(missing)}",
                where=", ".join(str(folder) for folder in self.folders) + " and below",
                hint="name their folders too: --images FOLDER, as often as needed (docs/data.md)",
            )
        return found

    def _index(self) -> dict[str, Path]:
        paths: dict[str, Path] = {}
        seen: set[str] = set()
        for top in self.folders:
            for folder, folders, files in os.walk(top, followlinks=True):
                # A link may lead back to a folder above it.
                real = os.path.realpath(folder)
                if real in seen:
                    folders.clear()
                    continue
                seen.add(real)
                folders.sort()
                for file in sorted(files):
                    paths.setdefault(file, Path(folder) / file)
        return paths


def check_images(
    paths: Mapping[str, Path],
    *,
    listener: Listener = SILENT,
    opened: Mapping[str, ImageFile] | None = None,
) -> dict[str, ImageFile]:
    """Return the file and size of each image, having opened it whole with ``open_image``.

    What passes here opens later too, since training and inference open images the same way; a
    header alone would not tell that the pixels are cut off.

    Args:
        paths: Image name to its file.
        listener: Shows a bar.
        opened: What an earlier call returned; a file that is as it was then is not opened again.

    Raises:
        DataError: If some do not open; how many and the first few are named.
    """
    opened = opened or {}
    images: dict[str, ImageFile] = {}
    broken: list[DataError] = []

    def check(name: str) -> ImageFile | DataError:
        try:
            return _measure(paths[name], opened.get(name))
        except DataError as error:
            return error

    with (
        listener.track("open images", total=len(paths)) as tracker,
        ThreadPoolExecutor(_OPENERS) as pool,
    ):
        for name, found in zip(paths, pool.map(check, paths), strict=True):
            if isinstance(found, DataError):
                broken.append(found)
            else:
                images[name] = found
            tracker.advance()
    if broken:
        raise DataError(
            f"{len(broken):,} of {len(paths):,} pictures do not open: {broken[0].message}",
            where=_first([error.where for error in broken]),
            hint=broken[0].hint,
        ) from broken[0]
    return images


def _measure(path: Path, before: ImageFile | None) -> ImageFile:
    try:
        state = path.stat()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(path)) from error
    # Resolved: a training process may stand in another folder, and a link may be laid anew.
    file = (os.path.realpath(path), state.st_size, state.st_mtime_ns)
    if before is not None and (before.path, before.bytes, before.modified_ns) == file:
        return before
    image = open_image(path)
    return ImageFile(file[0], image.height, image.width, state.st_size, state.st_mtime_ns)


def _first(texts: Sequence[str]) -> str:
    return ", ".join(texts[:_NAMED]) + (", ..." if len(texts) > _NAMED else "")


def open_image(path: Path) -> Image.Image:
    """Return an image in RGB, turned upright as its camera noted (EXIF orientation).

    The one way to open an image of a data set: the check, the training and the answers use it, so
    that they cannot disagree. Transparent parts are laid on white; of a moving image the first
    frame is taken.

    Raises:
        DataError: If the file is not an image, or is cut off.
    """
    from PIL import Image

    try:
        _know_heif(path)
        with Image.open(path) as file:
            return to_rgb(file)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(
            f"not a picture that can be opened: {error}",
            where=str(path),
            hint="fetch it again, or leave its rows out",
        ) from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image upright and in RGB: transparent parts on white, 16 bits scaled to 8."""
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(image)
    if upright.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in upright.info:
        layer = upright.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    if upright.mode.startswith("I"):
        # Pillow clips 16 bits to 8 instead of scaling them.
        upright = upright.convert("I").point(lambda value: value / 256).convert("L")
    return upright.convert("RGB")


def _know_heif(path: Path) -> None:
    """Let Pillow open HEIF where this file is one; phones name some of them ``.jpg``.

    Raises:
        OSError: If the file cannot be read.
    """
    with path.open("rb") as file:
        # The format's mark, at the same place in each file.
        if file.read(8)[4:] != b"ftyp":
            return
    import pillow_heif

    pillow_heif.register_heif_opener()
