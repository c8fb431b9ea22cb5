"""Write a report's folder: a page, its style and scripts, its data in files loaded when wanted."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2

from vsdkit import __version__
from vsdkit.data.jsonl import open_atomic, require_place
from vsdkit.errors import ConfigError
from vsdkit.report.packed import common_words, pack, to_json

__all__ = ["Page", "assets_named", "digest_name", "readable"]

_GENERATOR = '<meta name="generator" content="vsdkit report'
"""What an index.html of ours says of itself; base.html writes it."""
_INDEX = "index.html"
_DATA = "data"
_WORDS = "words"
"""Piece of data that all others are read with."""
_ASSETS = "assets"
_THUMBNAILS = "thumbs"
_OTHER_FOLDER = "name another folder: --output FOLDER"
_COMMON = ("page.css", "packed.js", "dom.js")
"""Assets of every page."""
_DIGEST_LENGTH = 12
_OURS = re.compile(rf".+-[0-9a-f]{{{_DIGEST_LENGTH}}}\.\w+")
"""Names of the files that reports hold: nothing else is ever removed."""


class Page:
    """A report's folder while it is written.

    Data and assets are written first, under names that tell their content, and index.html last:
    whoever opens the page meets the old one or the new one, whole.

    Args:
        folder: It need not be there yet.

    Raises:
        ConfigError: If the folder holds something that is no report.
        VsdkitError: If nothing can be written there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        _refuse_other(folder)
        # Now, and not after minutes of scoring.
        require_place(folder / _INDEX)
        self._data: dict[str, str] = {}
        self._files: dict[str, str] = {}
        self._kept: list[str] = []

    @property
    def thumbnails(self) -> Path:
        """Folder of small pictures, whose names end in a digest as those of ``digest_name``."""
        return self.folder / _THUMBNAILS

    def add_data(self, name: str, value: Any) -> None:
        """Add a piece of data, which scripts get by ``vsdkit.load(name)``.

        Args:
            name: Letters, digits and hyphens.
            value: What JSON can hold.
        """
        self._data[name] = to_json(value)

    def keep(self, path: str) -> None:
        """Keep a file that was written by other means, when what an older page had is removed.

        Args:
            path: Its place in the folder; its name is of ``digest_name``.
        """
        self._kept.append(path)

    def count_bytes(self) -> dict[str, int]:
        """Return the bytes of the finished page by piece; numbered pieces are one."""
        sizes: Counter[str] = Counter()
        for name, path in self._files.items():
            sizes[re.sub(r"-\d+$", "", name)] += (self.folder / path).stat().st_size
        sizes[_INDEX] = (self.folder / _INDEX).stat().st_size
        for path in self._kept:
            sizes[path.partition("/")[0]] += (self.folder / path).stat().st_size
        return dict(sizes)

    def finish(
        self, template: str, *, title: str, assets: Sequence[str] = (), **context: Any
    ) -> Path:
        """Write data, assets and index.html, remove an older page's, return index.html's path.

        Args:
            template: File of ``templates/`` that extends base.html.
            title: Of the page.
            assets: Files of ``assets/`` besides those of every page, styles and scripts.
            context: What else the template takes; strings are escaped there.
        """
        self._write_data()
        linked = [self._write(_ASSETS, name, _read(_ASSETS, name)) for name in (*_COMMON, *assets)]
        environment = jinja2.Environment(
            loader=jinja2.FunctionLoader(lambda name: _read("templates", name)),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        text = environment.get_template(template).render(
            title=title,
            version=__version__,
            styles=[path for path in linked if path.endswith(".css")],
            scripts=[path for path in linked if path.endswith(".js")],
            files=self._files,
            **context,
        )
        index = self.folder / _INDEX
        with open_atomic(index) as file:
            file.write(text)
        self._kept += linked
        self._remove_older([*self._kept, *self._files.values()])
        return index

    def _write_data(self) -> None:
        words = common_words(self._data.values())
        packed = {name: pack(text, words) for name, text in self._data.items()}
        packed[_WORDS] = pack(to_json(words))
        for name, text in packed.items():
            content = f'vsdkit.take("{name}", "{text}");\n'
            self._files[name] = self._write(_DATA, f"{name}.js", content)

    def _write(self, folder: str, name: str, content: str) -> str:
        """Write a file under a name that tells its content; return its path in the page."""
        path = f"{folder}/{digest_name(name, hashlib.sha256(content.encode()).hexdigest())}"
        if not (self.folder / path).is_file():
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
            with open_atomic(self.folder / path) as file:
                file.write(content)
        return path

    def _remove_older(self, kept: Iterable[str]) -> None:
        names = {self.folder / path for path in kept}
        for folder in (_DATA, _ASSETS, _THUMBNAILS):
            for path in (self.folder / folder).glob("*"):
                if path not in names and _is_ours(path):
                    path.unlink(missing_ok=True)


def digest_name(name: str, digest: str) -> str:
    """Return a file name with part of a digest in it: other content has another name.

    >>> digest_name("page.css", "0123456789abcdef")
    'page-0123456789ab.css'
    """
    stem, _, suffix = name.rpartition(".")
    return f"{stem}-{digest[:_DIGEST_LENGTH]}.{suffix}"


def readable(name: str) -> str:
    """Return the name of a file as a page can hold it: it may have bytes that are no UTF-8."""
    return os.fsencode(name).decode(errors="replace")


def assets_named(stem: str) -> list[str]:
    """Return the assets of one kind of page, as ``predictions*.css`` and ``predictions*.js``.

    Its main file, which has no more to its name, comes last: what it starts is there by then.
    """
    names = [file.name for file in (files("vsdkit.report") / _ASSETS).iterdir()]
    of_kind = [name for name in names if re.fullmatch(rf"{stem}(?:-[a-z-]+)?\.(?:css|js)", name)]
    return sorted(of_kind, key=lambda name: (name.partition(".")[0] == stem, name))


def _read(folder: str, name: str) -> str:
    return (files("vsdkit.report") / folder / name).read_text(encoding="utf-8")


def _refuse_other(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ConfigError("not a folder", where=str(folder), hint=_OTHER_FOLDER)
    index = folder / _INDEX
    if index.is_file():
        ours = _GENERATOR in index.read_text(encoding="utf-8", errors="replace")
    else:
        # Nothing, or what a report that was interrupted left: its index.html comes last.
        # The first other file ends the look: the folder may be anybody's home.
        inside = (path for path in folder.rglob("*") if not path.is_dir())
        ours = all(_is_ours(path) and path.parent.parent == folder for path in inside)
    if not ours:
        raise ConfigError(
            "holds something that is no report of vsdkit's", where=str(folder), hint=_OTHER_FOLDER
        )


def _is_ours(path: Path) -> bool:
    """Say whether a file is one of a report's data, assets or pictures, whole or begun."""
    name = path.name
    if name.startswith(".") and name.endswith(".part"):
        # open_atomic's own name of a file that a killed program did not finish.
        name = name[1:].removesuffix(".part").rpartition(".")[0]
    known = path.parent.name in (_DATA, _ASSETS, _THUMBNAILS)
    return known and _OURS.fullmatch(name) is not None
