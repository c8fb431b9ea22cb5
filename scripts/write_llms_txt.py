"""Write docs/llms.txt, the site's table of contents for programs; with --check, fail when stale.

The form is that of https://llmstxt.org: a title, a summary, sections of links with a line each. It
is made of the navigation in mkdocs.yml and the first sentence of each page; a page that begins
with an example says in a comment what it is about: ``<!-- summary: ... -->``.
"""

from __future__ import annotations

import re
from itertools import groupby, pairwise
from pathlib import Path
from typing import Final

from docs_pages import DOCS, nav_pages, source_of
from generated import write
from markdown_it import MarkdownIt

FILE: Final = DOCS / "llms.txt"
_HOME: Final = "index.md"
_SAID: Final = re.compile(r"^<!-- summary: (.+) -->$", re.MULTILINE)
# Not of a file's name: a blank, or nothing, stands behind the end of a sentence.
_SENTENCE: Final = re.compile(r".*?[.!?](?=\s|$)")


def first_paragraph(page: Path) -> str:
    """Return the first paragraph of a page that has words, on one line, without its marks."""
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))
    for before, token in pairwise(tokens):
        if before.type == "paragraph_open" and before.level == 0:
            parts = [
                " " if part.type == "softbreak" else part.content
                for part in token.children or []
                if part.type != "image"
            ]
            if text := "".join(parts).strip():
                return text
    return ""


def generate() -> str:
    """Return the file."""
    pages = nav_pages()
    lines = ["# vsdkit", "", f"> {first_paragraph(DOCS / _HOME)}"]
    rest = [page for page in pages if page.path != _HOME]
    for section, below in groupby(rest, key=lambda page: page.section):
        lines += ["", f"## {section or 'Overview'}", ""]
        for page in below:
            source = source_of(page.path)
            lines.append(f"- [{page.title}]({_link(source)}): {_summary(source)}")
    return "\n".join(lines) + "\n"


def _summary(page: Path) -> str:
    if said := _SAID.search(page.read_text(encoding="utf-8")):
        return said[1]
    text = first_paragraph(page)
    sentence = _SENTENCE.match(text)
    # A paragraph may end in a colon, before a list or code.
    return sentence[0] if sentence else text.rstrip(":")


def _link(source: Path) -> str:
    """Return where a file is, seen from docs/."""
    return source.name if source.parent == DOCS else f"../{source.name}"


def main() -> None:
    """Write it, or compare it."""
    write(FILE, generate())


if __name__ == "__main__":
    main()
