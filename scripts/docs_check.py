"""Check a built documentation: what its builder lets pass."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt

# What a browser fetches by itself; an <a> waits for a click.
_LOADED: Final = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "link": ("href",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
# The theme fetches a library from a public server as soon as a page has one of these.
_FETCHING_CLASSES: Final = {"mermaid"}
_CSS_ADDRESS: Final = re.compile(r"""(?:url\(|@import)\s*["']?([^"')\s;]+)""")


# What Markdown makes of a page, but for paragraphs: in lists they may or may not be told.
_COUNTED: Final = ("h1", "h2", "h3", "h4", "li", "pre", "table", "tr", "blockquote", "strong")


class Link(NamedTuple):
    """An address in a page."""

    address: str
    """As it is written."""
    line: int
    """Of the page's HTML."""
    is_loaded: bool
    """Whether a browser fetches it without a click."""


class Page(HTMLParser):
    """What of a page is looked at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[Link] = []
        self.anchors: set[str] = set()
        self.fetching: list[str] = []
        self.elements: Counter[str] = Counter()
        self._in_article = self._in_style = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the element's addresses, its anchors, and whether it makes the theme fetch."""
        found = {name: value for name, value in attrs if value is not None}
        self._in_style = tag == "style"
        self._in_article |= tag == "article"
        self.elements[tag] += self._in_article
        self.anchors.update(found[name] for name in ("id", "name") if name in found)
        self.fetching += _FETCHING_CLASSES & set(found.get("class", "").split())
        if tag == "a" and "href" in found:
            self._keep([found["href"]], is_loaded=False)
        for name in _LOADED.get(tag, ()):
            value = found.get(name, "")
            # srcset: addresses, each with a width or a density behind it.
            parts = value.split(",") if name == "srcset" else [value]
            self._keep((part.split()[0] for part in parts if part.split()), is_loaded=True)
        self._keep(_CSS_ADDRESS.findall(found.get("style", "")), is_loaded=True)

    def handle_data(self, data: str) -> None:
        """Keep the addresses of a style sheet inside the page."""
        if self._in_style:
            self._keep(_CSS_ADDRESS.findall(data), is_loaded=True)

    def handle_endtag(self, tag: str) -> None:
        """Leave a style sheet, or the page's own text."""
        self._in_style = False
        self._in_article &= tag != "article"

    def _keep(self, addresses: Iterable[str], *, is_loaded: bool) -> None:
        line = self.getpos()[0]
        self.links += [Link(address, line, is_loaded) for address in addresses]


def check_site(site: Path, pages: Sequence[str]) -> list[str]:
    """Return the faults of a built site, each a line with its file.

    Faults are: a link, an anchor or an image that leads nowhere; something that a browser would
    fetch from the network; a page that the navigation does not name.

    Args:
        site: Folder of the built site.
        pages: Markdown pages of the navigation, relative to the site's root.
    """
    named = {str(Path(page).with_suffix(".html")) for page in pages} | {"404.html"}
    found = {
        path.relative_to(site).as_posix(): Page(path.read_text(encoding="utf-8"))
        for path in sorted(site.rglob("*.html"))
    }
    return [
        *(
            f"{name}: in no navigation: name it in mkdocs.yml"
            for name in sorted(set(found) - named)
        ),
        *(f"{name}: in the navigation, but not built" for name in sorted(named - set(found))),
        *(fault for name in found for fault in _check_page(site, name, found)),
        *_check_styles(site),
    ]


def _check_page(site: Path, name: str, found: dict[str, Page]) -> Iterator[str]:
    page = found[name]
    for kind in page.fetching:
        yield f"{name}: class {kind!r} makes the theme fetch a library from the network"
    for link in page.links:
        where = f"{name}:{link.line}: {link.address}"
        parts = urlsplit(link.address)
        if parts.scheme == "data":
            continue
        if parts.scheme or parts.netloc:
            if link.is_loaded:
                yield f"{where}: fetched from the network"
            continue
        path = unquote(parts.path)
        # 404.html is shown below any address, so its own count from the root.
        base = site if path.startswith("/") else (site / name).parent
        target = (base / path.lstrip("/")).resolve() if path else site / name
        if not target.is_file():
            yield f"{where}: no such file"
            continue
        there = found.get(target.relative_to(site.resolve()).as_posix()) if path else page
        anchor = unquote(parts.fragment)
        if there is not None and anchor and anchor not in there.anchors:
            yield f"{where}: no such anchor"


def check_markdown(source: Path, built: Path) -> list[str]:
    """Return a line if a page has other lists, tables, headings or code on GitHub than in the site.

    The two read Markdown differently: GitHub ends a list where a line is indented by less than the
    text of its item, the site's builder where it is indented by less than four; GitHub lets a list
    begin in the middle of a paragraph.

    Args:
        source: The page in Markdown.
        built: The page in HTML.
    """
    text = source.read_text(encoding="utf-8")
    there = Page(f"<article>{MarkdownIt('commonmark').enable('table').render(text)}").elements
    here = Page(built.read_text(encoding="utf-8")).elements
    other = [f"{there[tag]} and {here[tag]} {tag}" for tag in _COUNTED if there[tag] != here[tag]]
    return [f"{source.name}: on GitHub and in the site: {', '.join(other)}"] if other else []


def _check_styles(site: Path) -> Iterator[str]:
    for path in sorted(site.rglob("*.css")):
        for address in _CSS_ADDRESS.findall(path.read_text(encoding="utf-8")):
            parts = urlsplit(address)
            if parts.netloc or parts.scheme not in ("", "data"):
                yield f"{path.relative_to(site)}: {address}: fetched from the network"
