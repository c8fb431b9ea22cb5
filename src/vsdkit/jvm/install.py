"""SPICE's files from a CoreNLP 3.6.0 that somebody carried over, for machines without a network."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from pathlib import Path

from vsdkit.errors import DataError, MissingInputError, VsdkitError
from vsdkit.jvm.files import CORENLP, FETCHED, MODELS, FetchedFile, missing_files, spice_folder
from vsdkit.jvm.models_jar import PARSER, copy_models
from vsdkit.progress import SILENT, Listener

__all__ = ["install_spice_files"]

_BIG_MODELS = "stanford-corenlp-3.6.0-models.jar"
_ZIP = "stanford-corenlp-full-2015-12-09.zip"
_HINT = (
    f"give {_ZIP}, or {_BIG_MODELS} with {CORENLP.name} beside it, or the folder spice-1.0 of "
    "another machine's cache"
)


def install_spice_files(source: Path, *, listener: Listener = SILENT) -> None:
    """Have SPICE's files in the cache folder, taken from a file on the disk.

    The result is what ``fetch_spice_files`` makes, byte for byte: size and SHA-256 are compared.

    Args:
        source: CoreNLP's zip of 2015-12-09; or its models jar, with the code jar beside it; or
            one of the two files of another machine's cache folder; or a folder that holds these.
        listener: Who hears of progress.

    Raises:
        MissingInputError: If ``source`` is not there, or something is still missing afterwards.
        DataError: If it is not CoreNLP 3.6.0.
        VsdkitError: If the folder cannot be written to.
    """
    if source.is_dir():
        source = _find(source)
    if not source.is_file():
        raise MissingInputError("no such file", where=str(source), hint=_HINT)
    folder = spice_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as part:
            _take(source, Path(part), listener)
    except zipfile.BadZipFile as error:
        raise DataError(f"damaged: {error}", where=str(source), hint="copy it again") from error
    except OSError as error:
        raise VsdkitError(
            f"SPICE's files cannot be installed: {error.strerror or error}", where=str(folder)
        ) from error
    missing = missing_files()
    if missing:
        raise MissingInputError(
            f"still missing: {', '.join(file.name for file in missing)}",
            where=str(folder),
            hint=_HINT,
        )


def _find(folder: Path) -> Path:
    """Return the file in a folder to install from."""
    for name in (_ZIP, MODELS.name, _BIG_MODELS, CORENLP.name):
        if (folder / name).is_file():
            return folder / name
    raise MissingInputError("the folder holds none of the files", where=str(folder), hint=_HINT)


def _take(source: Path, part: Path, listener: Listener) -> None:
    same = next((file for file in FETCHED if _is_same(file, source)), None)
    if same is not None:
        _copy(source, part, same, listener)
        beside = [source.with_name(file.name) for file in FETCHED if file != same]
        for path, file in zip(beside, (one for one in FETCHED if one != same), strict=True):
            if path.is_file() and _is_same(file, path):
                _copy(path, part, file, listener)
        return
    if not zipfile.is_zipfile(source):
        raise DataError("neither a zip nor a jar", where=str(source), hint=_HINT)
    with zipfile.ZipFile(source) as archive:
        if PARSER in archive.namelist():
            _make_models(archive, source, part, listener)
            code = source.with_name(CORENLP.name)
            if code.is_file():
                _copy(code, part, CORENLP, listener)
        else:
            _take_from_zip(archive, source, part, listener)


def _take_from_zip(archive: zipfile.ZipFile, source: Path, part: Path, listener: Listener) -> None:
    inside = {name.rpartition("/")[2]: name for name in archive.namelist()}
    absent = [name for name in (CORENLP.name, _BIG_MODELS) if name not in inside]
    if absent:
        raise DataError(f"it holds no {absent[0]}", where=str(source), hint=_HINT)
    unpacked = []
    for name in (CORENLP.name, _BIG_MODELS):
        listener.message(f"unpacking {name}")
        unpacked.append(part / f"unpacked-{name}")
        with archive.open(inside[name]) as packed, unpacked[-1].open("wb") as file:
            shutil.copyfileobj(packed, file, 1 << 20)
    _copy(unpacked[0], part, CORENLP, listener)
    with zipfile.ZipFile(unpacked[1]) as models:
        _make_models(models, source, part, listener)


def _make_models(models: zipfile.ZipFile, source: Path, part: Path, listener: Listener) -> None:
    made = part / MODELS.name
    copy_models(models, made)
    _place(made, MODELS, source, listener)


def _copy(source: Path, part: Path, file: FetchedFile, listener: Listener) -> None:
    copied = part / file.name
    shutil.copyfile(source, copied)
    _place(copied, file, source, listener)


def _place(made: Path, file: FetchedFile, source: Path, listener: Listener) -> None:
    if not file.is_good(made.parent):
        raise DataError(
            f"this is not CoreNLP 3.6.0: {file.name} comes out otherwise (size or SHA-256)",
            where=str(source),
            hint=_HINT,
        )
    os.replace(made, spice_folder() / file.name)
    listener.message(f"installed {file.name}, {file.size_bytes / 1e6:.0f} MB")


def _is_same(file: FetchedFile, path: Path) -> bool:
    return FetchedFile(path.name, file.size_bytes, file.sha256).is_good(path.parent)
