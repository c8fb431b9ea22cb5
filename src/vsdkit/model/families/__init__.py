"""The base families by ``model_type``; a base of any other type is refused."""

from __future__ import annotations

from vsdkit.model.families.family import Family, ImagePreparer, PreparedImage
from vsdkit.model.families.llava_next import LlavaNext

__all__ = ["FAMILIES", "Family", "ImagePreparer", "PreparedImage"]

FAMILIES: dict[str, Family] = {"llava_next": LlavaNext()}
"""``model_type`` in a base's ``config.json`` to its family. Nothing else is ever loaded, and never
code that comes with a checkpoint."""
