"""Write docs/llms.txt, the site's table of contents for programs; with --check, fail when stale.

The form is that of https://llmstxt.org: a title, a summary, sections of links with a line each. It
is made of the navigation in mkdocs.yml and the first sentence of each page.
"""

from __future__ import annotations

import re
import sys
from itertools import groupby, pairwise
from pathlib import Path
from typing import Final

from docs_pages import DOCS, nav_pages, source_of
from markdown_it import MarkdownIt

FILE: Final = DOCS / "llms.txt"
_HOME: Final = "index.md"
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
            text = first_paragraph(source)
            sentence = _SENTENCE.match(text)
            # A paragraph may end in a colon, before a list or code.
            told = sentence[0] if sentence else text.rstrip(":")
            lines.append(f"- [{page.title}]({_link(source)}): {told}")
    return "\n".join(lines) + "\n"


def _link(source: Path) -> str:
    """Return where a file is, seen from docs/."""
    return source.name if source.parent == DOCS else f"../{source.name}"


def main() -> None:
    """Write the file, or compare it."""
    text = generate()
    if "--check" in sys.argv[1:]:
        if not FILE.exists() or FILE.read_text(encoding="utf-8") != text:
            sys.exit(f"{FILE.name} is stale: run make docs")
        return
    FILE.write_text(text, encoding="utf-8")
    print(f"written: {FILE}")


if __name__ == "__main__":
    main()
