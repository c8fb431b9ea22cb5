"""An image as a chat server is sent it: a ``data:`` address."""

from __future__ import annotations

import base64
import hashlib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsdkit.data.images.opening import BROKEN_HINT, open_image, plain_format
from vsdkit.errors import DataError

if TYPE_CHECKING:
    from vsdkit.data.images.file import ImageFile

__all__ = ["data_url"]

_PLAIN: Final = {"PNG": "image/png", "JPEG": "image/jpeg"}
"""What every server reads as we do, by Pillow's name of the format."""


def data_url(image: ImageFile) -> str:
    """Return an image as the address that holds it, the same picture as ``open_image`` opens.

    A file goes as it is where any program sees in it what we see (PNG or JPEG, RGB, upright, one
    frame), and else as the PNG of what is opened here.

    Raises:
        DataError: If the file is not the one any more that was opened before, or does not open.
    """
    path = Path(image.path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror}", where=image.path, hint=BROKEN_HINT
        ) from error
    # An answer is kept under the hash of the image that was asked about.
    if hashlib.sha256(content).hexdigest() != image.sha256:
        raise DataError(
            "the picture has changed since the command began",
            where=image.path,
            hint="run the same command again",
        )
    # A file larger than its own pixels holds much else, and a PNG of it is smaller.
    small = len(content) <= 3 * image.height * image.width
    kind = _PLAIN.get(plain_format(content)) if small else None
    if kind is None:
        packed = BytesIO()
        open_image(path).save(packed, "PNG")
        kind, content = "image/png", packed.getvalue()
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
