"""Write a report's folder: a page, its style and scripts, its data in files loaded when wanted."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import orjson

from vsdkit import __version__
from vsdkit.data.jsonl import open_atomic
from vsdkit.errors import ConfigError

__all__ = ["Page", "assets_named", "pack"]

_GENERATOR = '<meta name="generator" content="vsdkit report'
"""What an index.html of ours says of itself; base.html writes it."""
_INDEX = "index.html"
_DATA = "data"
_ASSETS = "assets"
_COMMON = ("page.css", "packed.js")
"""Assets of every page."""
_DIGEST_LENGTH = 12


class Page:
    """A report's folder while it is written.

    Data and assets are written first, under names that tell their content, and index.html last:
    whoever opens the page meets the old one or the new one, whole.

    Args:
        folder: It need not be there yet.

    Raises:
        ConfigError: If the folder holds something that is no report.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        _refuse_other(folder)
        self._files: dict[str, str] = {}

    def add_data(self, name: str, value: Any) -> None:
        """Write a piece of data that scripts get by ``vsdkit.load(name)``.

        Args:
            name: Letters, digits and hyphens.
            value: What JSON can hold.
        """
        content = f'vsdkit.take("{name}", "{pack(value)}");\n'
        self._files[name] = self._write(_DATA, f"{name}.js", content)

    def finish(
        self, template: str, *, title: str, assets: Sequence[str] = (), **context: Any
    ) -> Path:
        """Write assets and index.html, remove data of an older page, return index.html's path.

        Args:
            template: File of ``templates/`` that extends base.html.
            title: Of the page.
            assets: Files of ``assets/`` besides those of every page, styles and scripts.
            context: What else the template takes; strings are escaped there.
        """
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
        self._remove_older([*linked, *self._files.values()])
        return index

    def _write(self, folder: str, name: str, content: str) -> str:
        """Write a file under a name that tells its content; return its path in the page."""
        stem, _, suffix = name.rpartition(".")
        digest = hashlib.sha256(content.encode()).hexdigest()[:_DIGEST_LENGTH]
        path = f"{folder}/{stem}-{digest}.{suffix}"
        if not (self.folder / path).is_file():
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
            with open_atomic(self.folder / path) as file:
                file.write(content)
        return path

    def _remove_older(self, kept: Iterable[str]) -> None:
        names = {self.folder / path for path in kept}
        for folder in (_DATA, _ASSETS):
            for path in (self.folder / folder).glob("*-*.*"):
                if path not in names:
                    path.unlink(missing_ok=True)


def pack(value: Any) -> str:
    """Return a value as base64 of gzip of JSON, which a page unpacks without a server."""
    return base64.b64encode(gzip.compress(orjson.dumps(value), 9, mtime=0)).decode()


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
    index = folder / _INDEX
    ours = index.is_file() and _GENERATOR in index.read_text(encoding="utf-8", errors="replace")
    if not folder.is_dir() or (any(folder.iterdir()) and not ours):
        raise ConfigError(
            "holds something that is no report of vsdkit's",
            where=str(folder),
            hint="name another folder: --output FOLDER",
        )
