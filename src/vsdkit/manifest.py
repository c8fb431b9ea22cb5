"""run.json: what was run, on what, with what, so that a result can be made again."""

from __future__ import annotations

import hashlib
import platform
import sys
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import orjson

from vsdkit import __version__
from vsdkit.data.jsonl import open_atomic
from vsdkit.errors import DataError, MissingInputError

__all__ = ["Manifest", "hash_file", "read_manifest"]

_HASH_CHUNK_BYTES = 1 << 20


class Manifest:
    """Collects what a command did and writes it beside its output.

    Make it when the command begins; its time of making is the start of the run.

    Args:
        command: The command's name, as ``build-instructions``.
        settings: The resolved settings.
        origins: Where each setting came from.
        packages: Distributions whose versions matter for the result.
    """

    def __init__(
        self,
        command: str,
        *,
        settings: Mapping[str, Any],
        origins: Mapping[str, str] | None = None,
        packages: Iterable[str] = (),
    ) -> None:
        self._began = time.monotonic()
        self._content: dict[str, Any] = {
            "command": command,
            "argv": sys.argv[1:],
            "settings": dict(settings),
            "origins": dict(origins or {}),
            "versions": _versions(packages),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }

    def write(
        self,
        path: Path,
        *,
        inputs: Iterable[Path] = (),
        outputs: Iterable[Path] = (),
        **facts: Any,
    ) -> None:
        """Write the file, atomically.

        Args:
            path: Where: ``run.json`` in a run folder, ``<output>.run.json`` beside a file.
            inputs: Files that were read; their hashes are kept.
            outputs: Files that were written; their hashes are kept.
            **facts: Anything else that is JSON: counts, template text, numbers.
        """
        content = self._content | {
            "seconds": round(time.monotonic() - self._began, 3),
            "inputs": {str(file): hash_file(file) for file in inputs},
            "outputs": {str(file): hash_file(file) for file in outputs},
            **facts,
        }
        with open_atomic(path) as file:
            file.write(
                orjson.dumps(
                    content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE, default=str
                ).decode()
            )


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the content of a run.json.

    Raises:
        MissingInputError: If it is not there.
        DataError: If it is not a JSON object.
    """
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        raise MissingInputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except orjson.JSONDecodeError as error:
        raise DataError(f"not JSON: {error}", where=str(path)) from error
    if not isinstance(content, dict):
        raise DataError("not a JSON object", where=str(path))
    return content


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _versions(packages: Iterable[str]) -> dict[str, str]:
    found = {"vsdkit": __version__, "python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
