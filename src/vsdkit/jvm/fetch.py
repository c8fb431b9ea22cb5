"""Fetch, once, the 17 MB that SPICE needs and no package brings."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vsdkit.data.cache import CACHE_VARIABLE
from vsdkit.errors import MetricError
from vsdkit.jvm.files import (
    CORENLP,
    FETCHED,
    MODELS,
    FetchedFile,
    missing_files,
    spice_folder,
)
from vsdkit.jvm.models_jar import copy_models
from vsdkit.progress import SILENT, Listener

__all__ = ["fetch_spice_files"]

_CONNECT_TIMEOUT_S = 30
_LOCK_TIMEOUT_S = 600
_PART = ".part-"
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def fetch_spice_files(*, listener: Listener = SILENT) -> None:
    """Have CoreNLP 3.6.0 and its few models in the cache folder, fetching what is not there.

    Two that come at once fetch once. A file appears under its name only when size and SHA-256
    are right.

    Raises:
        MetricError: If the network, the disk or the lock stands in the way.
    """
    if not missing_files():
        return
    folder = spice_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(folder, listener):
            for left in folder.glob(f"{_PART}*"):
                # Of a fetch that was killed: nobody else writes here under the lock.
                shutil.rmtree(left, ignore_errors=True)
            for file in missing_files():
                listener.message(
                    f"fetching {file.name} for SPICE, {file.size_bytes / 1e6:.0f} MB, once"
                )
                with tempfile.TemporaryDirectory(dir=folder, prefix=_PART) as part:
                    fetched = _FETCH[file](Path(part))
                    if not FetchedFile(fetched.name, file.size_bytes, file.sha256).is_good(
                        fetched.parent
                    ):
                        raise _failed("what came is not what was published (size or SHA-256)")
                    os.replace(fetched, folder / file.name)
    except OSError as error:
        raise _failed(error.strerror or str(error)) from error


@contextmanager
def _lock(folder: Path, listener: Listener) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        listener.message("another vsdkit is fetching SPICE's files: waiting for it")
        try:
            lock.acquire(timeout=_LOCK_TIMEOUT_S)
        except Timeout as error:
            raise _failed(
                f"another process holds {folder / '.lock'} for more than {_LOCK_TIMEOUT_S} s"
            ) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        # A file system without locks: two that come at once fetch twice.
    try:
        yield
    finally:
        lock.release()


def _fetch_corenlp(part: Path) -> Path:
    found: str = _reached(lambda: _component(part).artifact().resolve())
    return Path(found)


def _fetch_models(part: Path) -> Path:
    target = part / MODELS.name
    _reached(lambda: _copy_members(part, target))
    return target


def _copy_members(part: Path, target: Path) -> None:
    from jgo.constants import MAVEN_CENTRAL_URL
    from remotezip import RemoteZip

    component = _component(part)
    models = component.artifact(classifier="models")
    address = "/".join((MAVEN_CENTRAL_URL, component.path_prefix.as_posix(), models.filename))
    with RemoteZip(address, timeout=_CONNECT_TIMEOUT_S) as remote:
        copy_models(remote, target)


def _component(part: Path) -> Any:
    from jgo.maven import MavenContext, PythonResolver

    context = MavenContext(
        resolver=PythonResolver(), repo_cache=part / "repository", timeout=_CONNECT_TIMEOUT_S
    )
    return context.project("edu.stanford.nlp", "stanford-corenlp").at_version("3.6.0")


def _reached(fetch: Any) -> Any:
    from remotezip import RemoteZipError

    try:
        return fetch()
    except (OSError, RemoteZipError, zipfile.BadZipFile, RuntimeError) as error:
        # OSError: what requests raises, too. RuntimeError: jgo found nothing under the address.
        raise _failed(_short(error)) from error


def _short(error: Exception) -> str:
    # requests wraps the cause ("failed to resolve", "refused") in a message with the address.
    cause = getattr(error.args[0], "reason", error) if error.args else error
    text = " ".join(str(cause).split())
    return text.rpartition("): ")[2][:200].removesuffix('"))') or type(error).__name__


def _failed(reason: str) -> MetricError:
    folder = spice_folder()
    names = ", ".join(file.name for file in FETCHED)
    return MetricError(
        f"SPICE's files cannot be fetched: {reason}",
        where=str(folder),
        hint=(
            "score once where the network reaches Maven Central, or copy that folder "
            f"({names}) from a machine that has it, or name it by {CACHE_VARIABLE}, or bring "
            "CoreNLP 3.6.0's zip: vsdkit doctor --install-spice --from FILE"
        ),
    )


_FETCH = {CORENLP: _fetch_corenlp, MODELS: _fetch_models}
