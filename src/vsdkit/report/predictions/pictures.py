"""Find the pictures of a page's entries: small copies in its folder, and their own sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vsdkit.data.images import ImageFolders
from vsdkit.data.images.file import read_noted_images
from vsdkit.progress import Listener
from vsdkit.report.page import Page
from vsdkit.report.predictions.answered import Answered
from vsdkit.report.thumbnails import make_thumbnails
from vsdkit.settings.report import ReportSettings

__all__ = ["Pictures", "find_pictures"]

_WITHOUT = "no folder of pictures was named (--images FOLDER): boxes are drawn as outlines"


class Pictures(NamedTuple):
    """What is known of the pictures, by their names in the rows."""

    thumbnails: Mapping[str, str]
    """Place in the page's folder, of those that have one."""
    sizes: Mapping[str, tuple[int, int]]
    """Width and height of the upright picture in pixels, where known: boxes are in them."""
    note: str
    """What the page says of its pictures; empty if all is well."""
    remarks: Sequence[str] = ()
    """What the command says of them."""


def find_pictures(
    answered: Answered, settings: ReportSettings, page: Page, listener: Listener
) -> Pictures:
    """Make small copies of the pictures, or find out their sizes where no folder is named.

    Raises:
        MissingInputError: If none of them is found.
        DataError: If none of them opens.
    """
    names = dict.fromkeys(row.image for row in answered.rows)
    if settings.images is None:
        # What answered has opened them, and noted their sizes.
        noted = [read_noted_images(system.made.get("images")) for system in answered.systems]
        sizes = {
            name: (file.width, file.height)
            for images in noted
            for name, file in images.items()
            if name in names
        }
        return Pictures({}, sizes, _WITHOUT)
    found = ImageFolders(settings.images).find_all(names)
    error = found.error()
    if error is not None and not found.paths:
        raise error
    made = make_thumbnails(found.paths, page, listener)
    left_out = [*found.missing, *found.ambiguous, *made.broken]
    remarks = []
    if left_out:
        first = left_out[0]
        remarks.append(
            f"warning: {len(left_out):,} of {len(names):,} pictures are outlines; the first: "
            f"{first.image}: {first.reason}"
        )
    return Pictures(
        thumbnails={name: one.path for name, one in made.thumbnails.items()},
        sizes={name: (one.width, one.height) for name, one in made.thumbnails.items()},
        note=f"{len(left_out):,} pictures were not found or do not open" if left_out else "",
        remarks=remarks,
    )
