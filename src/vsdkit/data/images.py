"""Pictures on disk: names, folders searched below, and opening them upright and in colour."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vsdkit.errors import DataError, MissingInputError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ImageFolders", "image_name", "know_heif", "open_image", "to_rgb"]

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


def image_name(image_id: str) -> str:
    """Return the file name of a VSD picture.

    Visual Genome ids are numbers without extension; SpatialSense names hold dots inside, so only
    a known picture suffix counts as one.

    >>> image_name("2670"), image_name("nyu_office_0012_r-12.10-39.png")
    ('2670.jpg', 'nyu_office_0012_r-12.10-39.png')
    """
    return image_id if image_id.lower().endswith(IMAGE_SUFFIXES) else f"{image_id}.jpg"


class ImageFolders:
    """Finds pictures by name in folders and all folders below them.

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
        """Return the path of a picture, or None if there is none of that name.

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
        """Return the path of each picture.

        Raises:
            MissingInputError: If any is missing; how many and the first few are named.
        """
        names = list(dict.fromkeys(images))
        found = {name: path for name in names if (path := self.find(name)) is not None}
        missing = [name for name in names if name not in found]
        if missing:
            shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
            raise MissingInputError(
                f"{len(missing):,} of {len(names):,} pictures not found: {shown}",
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


def open_image(path: Path) -> Image.Image:
    """Return a picture in RGB, turned upright as its camera noted (EXIF orientation).

    Transparent parts are laid on white; of a moving picture the first one is taken.

    Raises:
        DataError: If the file is not a picture, or is cut off.
    """
    from PIL import Image

    try:
        know_heif(path)
        with Image.open(path) as file:
            return to_rgb(file)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(
            f"not a picture that can be opened: {error}",
            where=str(path),
            hint="fetch it again, or leave its rows out",
        ) from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Return a picture upright and in RGB: transparent parts on white, 16 bits scaled to 8."""
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


def know_heif(path: Path) -> None:
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
