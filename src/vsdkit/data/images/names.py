"""Names of image files: which suffixes there are, and which of them mean the same format."""

from __future__ import annotations

import unicodedata
from typing import Final, NamedTuple

__all__ = ["SUFFIXES", "ImageName", "image_name"]

_SUFFIXES: Final = (
    (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    (".png", ".apng"),
    (".webp",),
    (".gif",),
    (".bmp", ".dib"),
    (".tif", ".tiff"),
    (".heic", ".heif", ".hif"),
    (".avif", ".avifs"),
    (".jp2", ".j2k"),
    (".ppm", ".pgm", ".pbm", ".pnm"),
)
"""The spellings of each format's suffix, the commonest first, the commonest format first."""
_FORMATS: Final = {suffix: spellings[0] for spellings in _SUFFIXES for suffix in spellings}
"""Suffix to the first spelling of its format."""
SUFFIXES: Final = tuple(spellings[0] for spellings in _SUFFIXES)
"""One spelling of each format's suffix."""


class ImageName(NamedTuple):
    """The last part of an image's name, in the form in which two names are compared."""

    stem: str
    """What stands before the suffix, in Unicode's composed form (NFC)."""
    suffix: str
    """The suffix as it is written; empty if it is none of an image."""

    @classmethod
    def parse(cls, name: str) -> ImageName:
        """Return the parts of a file name without folders.

        >>> ImageName.parse("r-12.10-39.PNG"), ImageName.parse("r-12.10-39")
        (ImageName(stem='r-12.10-39', suffix='.PNG'), ImageName(stem='r-12.10-39', suffix=''))
        """
        # macOS writes an accent as a character of its own (NFD), others do not.
        name = unicodedata.normalize("NFC", name)
        stem, dot, ending = name.rpartition(".")
        suffix = dot + ending
        known = bool(stem) and suffix.lower() in _FORMATS
        return cls(stem, suffix) if known else cls(name, "")

    @property
    def is_number(self) -> bool:
        """Whether it is an id of Visual Genome, whose suffix is not stated but added."""
        return self.stem.isdecimal() and self.suffix in ("", ".jpg")

    @property
    def format(self) -> str:
        """The first spelling of the suffix; empty if it has none."""
        return _FORMATS.get(self.suffix.lower(), "")


def image_name(image_id: str) -> str:
    """Return the file name of a VSD image.

    Visual Genome ids are numbers without extension; SpatialSense names hold dots inside, so only
    a known image suffix counts as one.

    >>> image_name("2670"), image_name("nyu_office_0012_r-12.10-39.png")
    ('2670.jpg', 'nyu_office_0012_r-12.10-39.png')
    """
    return image_id if ImageName.parse(image_id).suffix else f"{image_id}.jpg"
