"""Find images by their names in folders and all folders below them."""

from __future__ import annotations

import filecmp
import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

from vsdkit.data.images.names import SUFFIXES, ImageName
from vsdkit.errors import DataError, MissingInputError, VsdkitError

__all__ = ["FoundImages", "ImageFolders", "Reject", "first_few"]

_NAMED: Final = 3
"""Of many faults so many are named."""
_OTHER_FORMAT: Final = 3
"""The rank of a file whose suffix is that of another format than the name's: the worst."""


class Reject(NamedTuple):
    """An image that cannot be used; a row of the file of rejects."""

    image: str
    """Its name in the rows."""
    path: str | None
    """The file, if there is one."""
    reason: str

    def to_dict(self) -> dict[str, str | None]:
        """Return the row; a path may hold bytes that are no UTF-8."""
        path = None if self.path is None else os.fsencode(self.path).decode(errors="replace")
        return {"image": self.image, "path": path, "reason": self.reason}


class _File(NamedTuple):
    """A file below one of the folders."""

    top: int
    """Which of the folders it is below, counted from 0."""
    folder: tuple[str, ...]
    """Parts of the absolute path of its folder, composed (NFC)."""
    is_below: int
    """How many of these are below the top folder."""
    path: Path


class _Match(NamedTuple):
    """What a name stands for."""

    path: Path
    others: tuple[Path, ...] = ()
    """Files that it stands for as well and that hold another picture."""
    other_format: bool = False
    """Whether the file's suffix is that of another format than the name's."""


@dataclass(frozen=True, slots=True)
class FoundImages:
    """Images looked for by name."""

    paths: dict[str, Path]
    """Name to its file, not yet opened: ``check_images`` does that."""
    missing: list[Reject] = field(default_factory=list)
    """Names without a file."""
    ambiguous: list[Reject] = field(default_factory=list)
    """Names that stand for several pictures."""
    other_format: dict[str, Path] = field(default_factory=dict)
    """Of ``paths``, the numbers found with another suffix than the ``.jpg`` that is added."""
    folders: ImageFolders | None = None
    """Where they were looked for."""

    def require(self) -> None:
        """Raise if a name has no file, or more than one picture.

        Raises:
            MissingInputError: How many have none; the first few are named.
            DataError: How many have several; the first few are named with their files.
        """
        error = self.error()
        if error is not None:
            raise error

    def error(self) -> VsdkitError | None:
        """Return what ``require`` raises."""
        folders, unread = (self.folders.folders, self.folders.unread) if self.folders else ((), [])
        where = ", ".join(map(str, folders)) + " and below"
        count = len(self.paths) + len(self.missing) + len(self.ambiguous)
        if self.missing:
            reasons = (one.reason.partition(": ")[2] for one in self.missing)
            hints = [reason for reason in reasons if reason][:1]
            if unread:
                hints.append(f"cannot be read: {first_few(unread)}")
            return MissingInputError(
                f"{len(self.missing):,} of {count:,} pictures not found: "
                + first_few([one.image for one in self.missing]),
                where=where,
                hint="; ".join(
                    ["name their folders too: --images FOLDER, as often as needed", *hints]
                ),
            )
        if self.ambiguous:
            return DataError(
                f"{len(self.ambiguous):,} of {count:,} names of pictures stand for several: "
                + "; ".join(f"{one.image}: {one.reason}" for one in self.ambiguous[:_NAMED]),
                where=where,
                hint="write the folder before the name in the rows, as day2/IMG_0001.jpg, or name "
                "the folder that is meant first: --images FOLDER",
            )
        return None


class ImageFolders:
    """Finds images by name in folders and all folders below them.

    Args:
        folders: Where to look; an earlier folder goes before a later one.

    Raises:
        MissingInputError: If no folder is named, or one is not there.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        if not folders:
            raise MissingInputError("no folder of pictures named", hint="name one: --images FOLDER")
        for folder in folders:
            # Not Path.is_dir, which raises where a folder above may not be looked into.
            if not os.path.isdir(folder):
                raise MissingInputError(
                    "no such folder of pictures",
                    where=str(folder),
                    hint="name the folder that holds them: --images FOLDER (docs/data.md)",
                )
        self.folders = tuple(folders)
        self.unread: list[str] = []
        """Folders below these that cannot be read."""
        self._files: dict[str, list[_File]] | None = None

    def find_all(self, images: Iterable[str]) -> FoundImages:
        """Return the path of each image, and the names that have none or several.

        A name with folders in it, as ``day2/1.jpg``, stands only for a file whose path ends so.
        """
        found = FoundImages({}, folders=self)
        for name in dict.fromkeys(images):
            match = next(self._matches(name), None)
            if match is None:
                found.missing.append(Reject(name, None, self._why_missing(name)))
            elif match.others:
                files = first_few([str(path) for path in (match.path, *match.others)])
                found.ambiguous.append(Reject(name, str(match.path), f"different files: {files}"))
            else:
                found.paths[name] = match.path
                if match.other_format:
                    found.other_format[name] = match.path
        return found

    def find_names(self, stem: str) -> list[str]:
        """Return the names, with suffix, that a name without one may stand for.

        Args:
            stem: As ``IMG_0001``, or ``day2/IMG_0001`` for one in such a folder.
        """
        found = dict[str, None]()
        for suffix in SUFFIXES:
            match = next(self._matches(stem + suffix), None)
            if match is not None:
                found[stem + match.path.suffix] = None
        return list(found)

    def find_copies(self, image: str) -> list[Path]:
        """Return the files that an image's name stands for in the folders behind its own."""
        first, *others = self._matches(image)
        del first
        return [one.path for one in others if not one.others and not one.other_format]

    def _matches(self, image: str) -> Iterator[_Match]:
        """Yield what a name stands for, the best first, one for each folder behind that one's."""
        if self._files is None:
            self._files = self._index()
        *folders, last = _parts(image)
        wanted = ImageName.parse(last)
        ranked = []
        for file in self._files.get(wanted.stem, ()) if ".." not in folders else ():
            rank = _rank(wanted, last, file.path.name)
            # The file's path ends with the name's folders. An absolute name has "/" as its first
            # part, so it stands for that one file.
            if rank is not None and file.folder[len(file.folder) - len(folders) :] == (*folders,):
                ranked.append(((rank, file.top), file))
        ranked.sort(key=lambda one: one[0])
        before = -1
        # The exact name in a later folder goes before another spelling in an earlier one.
        for (rank, top), group in groupby(ranked, key=lambda one: one[0]):
            if top > before:
                before = top
                yield _choose([file for _, file in group], len(folders), rank == _OTHER_FORMAT)

    def _why_missing(self, image: str) -> str:
        """Say what is there instead of a missing image, behind a colon if there is something."""
        *folders, last = _parts(image)
        wanted = ImageName.parse(last)
        if ".." in folders:
            return f"not found: {image} leads out of its folder, write it without '..'"
        near = (self._files or {}).get(wanted.stem, [])
        for file in near:
            if _rank(wanted, last, file.path.name) is not None:
                return f"not found: {file.path} has that name and lies in another folder"
        if near:
            return f"not found: {near[0].path} has another extension, write the name with it"
        return "not found"

    def _index(self) -> dict[str, list[_File]]:
        files: dict[str, list[_File]] = {}
        for number, top in enumerate(self.folders):
            above = len(_parts(os.path.abspath(top)))
            for folder, names in self._walk(top):
                parts = _parts(os.path.abspath(folder))
                for name in sorted(names):
                    file = _File(number, parts, len(parts) - above, Path(folder) / name)
                    files.setdefault(ImageName.parse(name).stem, []).append(file)
        return files

    def _walk(self, top: Path) -> Iterator[tuple[str, list[str]]]:
        """Yield each folder and its files, through links, but never in circles."""
        chains: dict[str, frozenset[str]] = {}
        for folder, folders, names in os.walk(
            top, followlinks=True, onerror=lambda error: self.unread.append(error.filename)
        ):
            real = os.path.realpath(folder)
            chain = chains.get(os.path.dirname(folder), frozenset())
            # A link may lead back to a folder above it.
            if real in chain:
                folders.clear()
                continue
            chains[folder] = chain | {real}
            # Hidden folders hold thumbnails and earlier versions of the same names.
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield folder, names


def _rank(wanted: ImageName, spelt: str, name: str) -> int | None:
    """Return how well a file of the wanted stem fits, 0 the best; None if it does not."""
    found = ImageName.parse(name)
    if unicodedata.normalize("NFC", name) == spelt:
        return 0 if name == spelt else 1
    if found.format == wanted.format:
        # As 1.JPG and 1.jpeg for 1.jpg.
        return 2
    return _OTHER_FORMAT if wanted.is_number and (found.format or not found.suffix) else None


def _choose(files: Sequence[_File], folders: int, other_format: bool) -> _Match:
    """Return the match of equally good files below one top folder."""
    # A name is a path below the top folder first of all.
    exact = [file for file in files if file.is_below == folders]
    if len(exact) == 1:
        return _Match(exact[0].path, other_format=other_format)
    # An empty file is no other picture.
    paths = [file.path for file in files if _size(file.path)] or [files[0].path]
    others = tuple(path for path in paths[1:] if not _is_same(paths[0], path))
    return _Match(paths[0], others, other_format)


def _parts(name: str) -> tuple[str, ...]:
    """Return the parts of a path, composed (NFC); Windows parts them by backslashes."""
    name = unicodedata.normalize("NFC", name)
    return Path(name if "/" in name else name.replace("\\", "/")).parts or ("",)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _is_same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other) or filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


def first_few(texts: Sequence[str]) -> str:
    """Return the first few, with dots where there are more."""
    return ", ".join(texts[:_NAMED]) + (", ..." if len(texts) > _NAMED else "")
