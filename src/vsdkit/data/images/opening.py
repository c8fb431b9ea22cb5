"""The one way to open an image: upright, in RGB, whatever the file holds."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vsdkit.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "BROKEN_HINT",
    "ImageSize",
    "open_image",
    "plain_format",
    "read_image",
    "read_size",
    "to_rgb",
]

BROKEN_HINT: Final = (
    "fetch them again, or leave their rows out: --skip-broken; --rejects FILE lists them all"
)
_ORIENTATION: Final = 0x0112
"""EXIF's tag: how the camera was held."""
_ON_ITS_SIDE: Final = (5, 6, 7, 8)
"""Values of that tag that swap height and width."""


class ImageSize(NamedTuple):
    """Size of an upright image in pixels."""

    height: int
    width: int


def open_image(path: Path) -> Image.Image:
    """Return an image in RGB, turned upright as its camera noted (EXIF orientation).

    The one way to open an image of a data set: the check, the training and the answers use it, so
    that they cannot disagree. Transparent parts are laid on white; of a moving image the first
    frame is taken.

    Raises:
        DataError: If the file is not an image, or is cut off.
    """
    return _open(path, where=str(path))


def read_image(content: bytes, *, where: str = "bytes") -> Image.Image:
    """Return the image that a file's bytes hold, as ``open_image`` does.

    Args:
        content: All of them.
        where: What they are, for the message.

    Raises:
        DataError: If they are not an image, or are cut off.
    """
    return _open(BytesIO(content), where=where)


def _open(source: Path | BytesIO, *, where: str) -> Image.Image:
    from PIL import Image

    # Pillow warns of damaged EXIF and of very large images, and names no file. A filter and not
    # a catch_warnings block, which would not hold for the other threads that open images.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        _know_heif(source)
        with Image.open(source) as file:
            return to_rgb(file)
    # Whatever Pillow and its plug-ins raise where a file is damaged: OSError, SyntaxError,
    # ValueError, struct.error, RuntimeError, MemoryError, EOFError, OverflowError, zlib.error,
    # DecompressionBombError, and any of their own mistakes.
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        shown = repr(str(source) if isinstance(source, Path) else source)
        raise DataError(
            f"not a picture that can be opened: {said.replace(shown, 'it')}",
            where=where,
            hint=BROKEN_HINT,
        ) from error


def read_size(path: Path) -> ImageSize | None:
    """Return the size that a file's header tells; None if it does not open.

    No pixel is read: whether they are all there, ``open_image`` finds out.
    """
    from PIL import Image

    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        _know_heif(path)
        with Image.open(path) as file:
            # Pillow turns the size of a TIFF itself.
            noted_only = file.format != "TIFF"
            on_its_side = noted_only and file.getexif().get(_ORIENTATION, 1) in _ON_ITS_SIDE
            size = ImageSize(file.height, file.width)
    # As in open_image: there is no list of what a damaged file makes Pillow raise.
    except Exception:
        return None
    return ImageSize(size.width, size.height) if on_its_side else size


def plain_format(content: bytes) -> str:
    """Return Pillow's name of the format of a file that is RGB, upright and of one frame; else "".

    ``to_rgb`` leaves the pixels of such an image as the file has them.
    """
    from PIL import Image

    try:
        with Image.open(BytesIO(content)) as file:
            turned = file.getexif().get(_ORIENTATION, 1) != 1
            several = getattr(file, "n_frames", 1) > 1
            layered = "transparency" in file.info
            plain = file.mode == "RGB" and not (turned or several or layered)
            return file.format or "" if plain else ""
    # As in open_image: there is no list of what a damaged file makes Pillow raise.
    except Exception:
        return ""


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image upright and in RGB, with nothing noted in it that is not pixels.

    Transparent parts become white; 16 bits are scaled to 8; of wider numbers see ``_to_bytes``.
    """
    image.load()
    upright = _turn_upright(image)
    if upright.mode in ("I", "F") or upright.mode.startswith("I;16"):
        upright = _to_bytes(upright)
    if upright.mode == "LAB":
        upright = _lab_to_rgb(upright)
    if upright.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in upright.info:
        from PIL import Image

        layer = upright.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        upright = Image.alpha_composite(white, layer)
    rgb = upright.convert("RGB")
    # Damaged EXIF would fail whoever looks at it next, and a second look would turn it twice.
    rgb.info = {}
    return rgb


def _turn_upright(image: Image.Image) -> Image.Image:
    """Return an image as its camera was held; damaged EXIF counts as none."""
    from PIL import Image

    try:
        orientation = image.getexif().get(_ORIENTATION)
    # As in open_image: there is no list of what damaged EXIF makes Pillow raise.
    except Exception:
        return image
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    turn = turns.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _to_bytes(image: Image.Image) -> Image.Image:
    """Return a grey image of 16 or 32 bits or floats in 8 bits; Pillow would clip it.

    16 bits are scaled as what they are, however dark. Wider numbers do not say their range: 0 to
    1 (floats), 0 to 255 and 0 to 65,535 are taken for it where all pixels are inside, and else
    the darkest and the brightest pixel.
    """
    import numpy as np
    from PIL import Image

    pixels = np.asarray(image).astype(np.float32)
    finite = pixels[np.isfinite(pixels)]
    pixels = np.nan_to_num(pixels, posinf=finite.max(initial=0), neginf=finite.min(initial=0))
    transparent = image.info.get("transparency")
    levels: Any
    low, high = float(pixels.min(initial=0)), float(pixels.max(initial=0))
    if image.mode.startswith("I;16"):
        levels = pixels / 256
    elif low >= 0 and high <= 1 and image.mode == "F":
        levels = pixels * 255
    elif low >= 0 and high <= 255:
        levels = pixels
    elif low >= 0 and high <= 65535:
        levels = pixels / 256
    else:
        low = float(pixels.min())
        levels = (pixels - low) * (255 / ((high - low) or 1))
    grey = Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
    if isinstance(transparent, int):
        # One value of 16 bits, which is several of 8: the pixels are compared, not the levels.
        grey.putalpha(Image.fromarray(np.where(pixels == transparent, 0, 255).astype(np.uint8)))
    return grey


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    if converted is None:
        raise ValueError("no conversion from LAB")
    return converted


def _know_heif(source: Path | BytesIO) -> None:
    """Let Pillow open HEIF where this file is one; phones name some of them ``.jpg``.

    Raises:
        OSError: If the file cannot be read.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            start = file.read(8)
    else:
        start = source.getvalue()[:8]
    # The format's mark, at the same place in each file.
    if start[4:] != b"ftyp":
        return
    import pillow_heif

    pillow_heif.register_heif_opener()
