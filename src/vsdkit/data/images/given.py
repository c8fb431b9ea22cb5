"""Open an image that a program holds: a path, a file's bytes, a Pillow image or a numpy array."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from vsdkit.data.images.opening import open_image, read_image, to_rgb
from vsdkit.errors import DataError, MissingInputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["GivenImage", "open_given"]

# A text: neither Pillow nor numpy is loaded for a name.
GivenImage: TypeAlias = "str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8]"
"""An image as a program holds it: the path of a file, a file's bytes, a Pillow image, or an array
``[height, width, 3]`` of uint8 in the order red, green, blue (``[height, width]`` is grey)."""

_ARRAY: Final = "expected uint8 of [height, width, 3] in RGB, or [height, width] in grey"
_CONVERT: Final = (
    "four channels: frame[:, :, :3]; OpenCV's BGR: frame[:, :, ::-1]; floats of 0 to 1: "
    "(frame * 255).round().astype('uint8')"
)


def open_given(image: GivenImage) -> Image.Image:
    """Return an image upright and in RGB, as ``open_image`` does, however it is given.

    Args:
        image: See ``GivenImage``; what is given is not changed.

    Raises:
        MissingInputError: If there is no such file.
        DataError: If it does not open, or is an array of another shape or kind of number.
        TypeError: If it is none of these.
    """
    import numpy as np
    from PIL import Image

    if isinstance(image, str | os.PathLike):
        return _open_path(Path(image))
    if isinstance(image, bytes | bytearray | memoryview):
        return read_image(bytes(image))
    if isinstance(image, np.ndarray):
        return _from_array(image)
    if isinstance(image, Image.Image):
        return _from_pillow(image)
    raise TypeError(
        "an image is a path, bytes, a Pillow image or a numpy array, not "
        f"{type(image).__module__}.{type(image).__qualname__}"
    )


def _open_path(path: Path) -> Image.Image:
    if not path.is_file():
        what = "a folder, expected a picture" if path.is_dir() else "no such picture"
        raise MissingInputError(what, where=str(path), hint="name the file of a picture")
    try:
        return open_image(path)
    except DataError as error:
        # The hint of a data set, to leave rows out, is of no use here.
        raise error.at("", hint="fetch it again, or name another picture") from error


def _from_array(array: NDArray[np.uint8]) -> Image.Image:
    from PIL import Image

    is_image = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)
    if array.dtype != "uint8" or not is_image or not array.size:
        raise DataError(
            f"no picture: an array of {array.dtype} and shape {list(array.shape)}; {_ARRAY}",
            hint=_CONVERT,
        )
    return to_rgb(Image.fromarray(array))


def _from_pillow(image: Image.Image) -> Image.Image:
    if not (image.width and image.height):
        raise DataError(f"no picture: {image.width} x {image.height} pixels")
    try:
        return to_rgb(image)
    # Pillow reads a file when its pixels are asked for: see open_image for what that may raise.
    except Exception as error:
        raise DataError(f"a Pillow image that cannot be read: {error}") from error
