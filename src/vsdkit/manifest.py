"""Write, read and compare run.json: what a result was made of, with which settings and versions."""

from __future__ import annotations

import hashlib
import os
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
from vsdkit.data.addresses import mask_login
from vsdkit.data.jsonl import dump_document, open_atomic
from vsdkit.errors import ConfigError, DataError, MissingInputError

__all__ = [
    "Manifest",
    "hash_file",
    "manifest_path",
    "read_manifest",
    "read_output_facts",
    "refuse_input",
    "refuse_other",
]

# A megabyte at once, so that a file of any size fits.
_HASH_CHUNK_BYTES = 1 << 20
# Never passed over: what a result was made with would silently be another thing.
_DAMAGED = "put it back as it was written, or remove it: what it says is then not known"
# Characters of a setting's value in an error message; templates have hundreds of lines.
_SHOWN = 40


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
        # Not the difference of two dates: the clock may be set while a run goes on.
        self._began = time.monotonic()
        self._content: dict[str, Any] = {
            "command": command,
            # No password of a server's address: run.json is handed on.
            "argv": [mask_login(word) for word in sys.argv[1:]],
            "settings": {
                name: mask_login(value) if isinstance(value, str) else value
                for name, value in settings.items()
            },
            "origins": dict(origins or {}),
            "versions": _versions(packages),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }

    @property
    def versions(self) -> dict[str, str]:
        """Of vsdkit, Python and the packages, as they are written."""
        return dict(self._content["versions"])

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
            file.write(dump_document(content))


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
        raise DataError(f"not JSON: {error}", where=str(path), hint=_DAMAGED) from error
    if not isinstance(content, dict):
        raise DataError("not a JSON object", where=str(path), hint=_DAMAGED)
    return content


def manifest_path(output: Path) -> Path:
    """Return where the run.json of an output file stands.

    >>> manifest_path(Path("preds.jsonl")).name
    'preds.jsonl.run.json'
    """
    # A folder given as "." has no name of its own.
    named = output if output.name else output.resolve()
    return named.with_name(f"{named.name}.run.json")


def read_output_facts(output: Path) -> dict[str, Any]:
    """Return what the run.json beside an output says; empty if there is none.

    Raises:
        DataError: If it is not a JSON object.
    """
    place = manifest_path(output)
    return read_manifest(place) if place.exists() else {}


def refuse_other(
    path: Path,
    before: Any,
    now: Mapping[str, Any],
    *,
    hint: str = "begin anew with --overwrite, or name another file: --output FILE",
) -> None:
    """Raise if a result was made with other settings or inputs: the one comparison of identities.

    Args:
        path: The file or folder, for the message.
        before: Its identity, as its run.json has it; anything but an object is unknown.
        now: The identity it would have, from ``Settings.identity``.
        hint: What to do.

    Raises:
        ConfigError: If anything differs; what differs is named.
    """
    if not isinstance(before, dict):
        why = "how it was made is not known: its run.json is missing or does not say"
    else:
        # Only what counts now: the identity of an older version may have had more parts.
        differing = [name for name in now if before.get(name) != now[name]]
        if not differing:
            return
        why = "it was made otherwise: " + "; ".join(
            f"{name} was {_short(before.get(name))}, is {_short(now[name])}" for name in differing
        )
    raise ConfigError(
        f"an older result is in the way, and {why}",
        where=str(path),
        hint=hint,
    )


def refuse_input(output: Path, inputs: Mapping[str, Path], *, option: str = "--output") -> None:
    """Refuse to write over what is read.

    Args:
        output: What will be written.
        inputs: What is read, by what it is called.
        option: The option that names the output.

    Raises:
        ConfigError: If the output is one of the inputs.
    """
    for name, path in inputs.items():
        # Not Path.resolve, which raises an error of its own for links that lead to each other.
        if os.path.realpath(path) == os.path.realpath(output):
            raise ConfigError(
                f"{option} and {name} are the same file",
                where=str(output),
                hint=f"name another place: {option}",
            )


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}...")


def _versions(packages: Iterable[str]) -> dict[str, str]:
    found = {"vsdkit": __version__, "python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
