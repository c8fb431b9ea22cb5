"""Images on disk: their names, the folders that hold them, the one way to open them, the check."""

from __future__ import annotations

from vsdkit.data.images.check import CheckedImages, check_images
from vsdkit.data.images.data_url import data_url
from vsdkit.data.images.file import ImageFile
from vsdkit.data.images.folders import FoundImages, ImageFolders, Reject
from vsdkit.data.images.given import GivenImage, open_given
from vsdkit.data.images.names import image_name
from vsdkit.data.images.opening import open_image, to_rgb

__all__ = [
    "CheckedImages",
    "FoundImages",
    "GivenImage",
    "ImageFile",
    "ImageFolders",
    "Reject",
    "check_images",
    "data_url",
    "image_name",
    "open_given",
    "open_image",
    "to_rgb",
]
