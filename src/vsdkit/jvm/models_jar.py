"""The few models that SPICE reads, taken out of CoreNLP's models jar into a small jar."""

from __future__ import annotations

import zipfile
from pathlib import Path

__all__ = ["PARSER", "copy_models"]

PARSER = "edu/stanford/nlp/models/lexparser/englishPCFG.ser.gz"
"""The grammar; a jar without it is not CoreNLP's models."""

_WORD_LISTS = "edu/stanford/nlp/models/dcoref/"
# Of the co-reference models SPICE's SemanticGraphEnhancer loads the word lists only.
_NOT_READ = ("coref.dict", "ne.signatures", "gender.data.gz")
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_MADE_ON_UNIX = 3


def copy_models(models: zipfile.ZipFile, target: Path) -> None:
    """Write a jar with those members of the models jar that SPICE reads.

    They are stored, in order of their names and with fixed headers, so that every machine writes
    the same bytes; the checksum of each is compared as it is read.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as local:
        for name in sorted(name for name in models.namelist() if _is_read(name)):
            entry = zipfile.ZipInfo(name, _ZIP_EPOCH)
            entry.create_system = _MADE_ON_UNIX
            local.writestr(entry, models.read(name))


def _is_read(name: str) -> bool:
    if name == PARSER:
        return True
    in_lists = name.startswith(_WORD_LISTS) and not name.endswith("/")
    return in_lists and not name.removeprefix(_WORD_LISTS).startswith(_NOT_READ)
