"""Pages of the documentation: which there are, and those that are generated when it is built."""

from __future__ import annotations

import importlib
import inspect
import os.path
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

import vsdkit
from vsdkit.settings.commands import COMMANDS, Command

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"

API: Final = "api/"
"""Folder of the library's pages, as the navigation of mkdocs.yml names it."""

PLACES: Final = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "README.md": "index.md",
    "docs/api.md": f"{API}index.md",
}
"""Files that stand elsewhere in the site than below docs/, and where."""

# Beside the packages of the commands and what ``vsdkit.__all__`` names, in reading order. Which
# names of a module are public, its own ``__all__`` says.
_MODULES: Final = (
    "vsdkit.rewards",
    "vsdkit.boxes.model",
    "vsdkit.metrics",
    "vsdkit.wording",
    "vsdkit.answers",
    "vsdkit.conversation",
    "vsdkit.formats",
    "vsdkit.formats.detections",
    "vsdkit.data.records",
    "vsdkit.data.relations",
    "vsdkit.data.items",
    "vsdkit.data.pairs",
    "vsdkit.reporting",
    "vsdkit.progress",
    "vsdkit.errors",
)
# Of a file: no address, nothing within the same page.
_LINK: Final = re.compile(r"(?<=\]\()(?P<path>[^)#:\s]+)(?P<anchor>#[^)\s]*)?(?=\))")


class NavPage(NamedTuple):
    """A page as the navigation names it."""

    section: str
    """Its section; empty at the top."""
    title: str
    """In the navigation."""
    path: str
    """In the site, below its root; ``API`` stands for the library's pages."""


class ApiPage(NamedTuple):
    """A generated page of the library."""

    section: str
    """In the navigation."""
    title: str
    """In the navigation."""
    path: str
    """In the site."""
    name: str
    """What it documents, by the name under which it is imported."""
    summary: str
    """First line of its docstring."""
    text: str
    """The page in Markdown."""


def nav_pages() -> list[NavPage]:
    """Return the pages of mkdocs.yml's navigation, in its order."""
    content = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    return list(_flatten(content["nav"], section=""))


def _flatten(entries: Sequence[Mapping[str, Any]], *, section: str) -> Iterator[NavPage]:
    for entry in entries:
        for title, below in entry.items():
            if isinstance(below, str):
                yield NavPage(section, title, below)
            else:
                yield from _flatten(below, section=title)


def source_of(path: str) -> Path:
    """Return the file that a page of the site, which is not one of the API's, is written in."""
    by_place = {place: file for file, place in PLACES.items() if file != "README.md"}
    return ROOT / by_place.get(f"{path}index.md" if path == API else path, f"docs/{path}")


def move_links(text: str, *, source: Path, place: str) -> str:
    """Return a page with its links to files as they must be at its place in the site.

    A link to a file that the site does not have stays, and the build fails on it.

    Args:
        text: The page.
        source: The file it was read from.
        place: Where it stands in the site.
    """

    def moved(link: re.Match[str]) -> str:
        file = os.path.normpath(source.parent / link["path"])
        name = Path(file).relative_to(ROOT).as_posix() if file.startswith(f"{ROOT}/") else file
        target = PLACES.get(name, name.removeprefix("docs/"))
        if target == name:
            return link[0]
        return os.path.relpath(target, Path(place).parent) + (link["anchor"] or "")

    return _LINK.sub(moved, text)


def api_pages() -> list[ApiPage]:
    """Return the library's pages in the order of the navigation."""
    named = [name for name in vsdkit.__all__ if not name.startswith("_")]
    return [
        *(_verb_page(command) for command in COMMANDS.values()),
        *(
            _module_page(getattr(vsdkit, name).__module__, name=f"vsdkit.{name}")
            for name in sorted(named, reverse=True)
        ),
        *(_module_page(module, name=module) for module in _MODULES),
    ]


def _verb_page(command: Command) -> ApiPage:
    verb, package = command.verb, command.package
    others = [name for name in public_names(package) if name != verb]
    returned = str(inspect.signature(command.load_verb()).return_annotation)
    text = (
        f"# {verb}\n\n"
        f"```python\nfrom {package} import {verb}\n```\n\n"
        f"[`vsdkit {command.name}`](../cli.md#vsdkit-{command.name}) as a function: it takes the "
        f"same settings as keywords, prints nothing, and returns `{returned}`.\n\n"
        # The list of dozens of keywords says what a signature of as many lines would.
        + _block(
            f"{package}.{verb}",
            show_root_heading=False,
            show_root_toc_entry=False,
            show_signature=False,
        )
        + "\n## What else the package has\n\n"
        + "\n".join(_block(_home(package, name), heading_level=3) for name in others)
    )
    summary = _first_line(command.load_verb())
    path, name = f"{API}{verb}.md", f"{package}.{verb}"
    return ApiPage("The commands", verb, path, name, summary, text)


def _module_page(module: str, *, name: str) -> ApiPage:
    title = name.removeprefix("vsdkit.")
    # What the page is named after stands first: vsdkit.load before what it returns.
    names = sorted(public_names(module), key=lambda one: one != title)
    text = f"# {name}\n\n" + "\n".join(
        [
            _block(module, show_root_heading=False, show_root_toc_entry=False, members=False),
            *(_block(_home(module, one)) for one in names),
        ]
    )
    path = f"{API}{title.replace('.', '-').lower()}.md"
    return ApiPage(
        "The parts", title, path, name, _first_line(importlib.import_module(module)), text
    )


def public_names(module: str) -> list[str]:
    """Return the names of a module's ``__all__``, in its order."""
    return list(importlib.import_module(module).__all__)


def _home(module: str, name: str) -> str:
    """Return where a public name is defined: a package may have a module of the same name."""
    value = getattr(importlib.import_module(module), name)
    # A class or function knows; of a value of a class its class would answer.
    is_defined = getattr(value, "__qualname__", None) == name
    return f"{value.__module__ if is_defined else module}.{name}"


def _first_line(documented: object) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]


def _block(name: str, **options: bool | int | list[str]) -> str:
    """Return the lines that mkdocstrings puts a name's documentation in the place of."""
    below = "".join(f"        {key}: {value}\n" for key, value in options.items())
    return f"::: {name}\n" + (f"    options:\n{below}" if below else "")


def api_tables(pages: Sequence[ApiPage]) -> str:
    """Return the tables of the library's pages, which stand behind docs/api.md."""
    parts = []
    for section, below in groupby(pages, key=attrgetter("section")):
        parts.append(f"\n## {section}\n\n| name | what it is |\n|---|---|\n")
        parts += [f"| [`{one.name}`]({Path(one.path).name}) | {one.summary} |\n" for one in below]
    return "".join(parts)


def api_nav(pages: Sequence[ApiPage]) -> str:
    """Return the part of the navigation that the library's pages are, for literate-nav."""
    lines = ["* [Overview](index.md)\n"]
    for section, below in groupby(pages, key=attrgetter("section")):
        lines.append(f"* {section}\n")
        lines += [f"    * [{one.title}]({Path(one.path).name})\n" for one in below]
    return "".join(lines)
