"""List the blocks of code in README, CONTRIBUTING and docs: which a test runs, and why others not.

A shell or Python block is run (tests/docs/test_blocks.py) unless a comment stands before it:
``<!-- not run: needs eight GPUs -->``. A block of text below ``<!-- printed -->`` is compared with
what the last block above it printed. A block below ``<!-- file: NAME -->`` is a file that
those after it find.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from markdown_it import MarkdownIt

__all__ = ["GENERATED", "LANGUAGES", "PAGES", "ROOT", "Block", "read_blocks"]

ROOT: Final = Path(__file__).parents[1]
GENERATED: Final = (ROOT / "docs" / "cli.md",)
"""Pages that scripts write."""
PAGES: Final = tuple(
    page
    for page in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
    if page not in GENERATED
)
RUN: Final = ("sh", "python")
LANGUAGES: Final = (*RUN, "text", "json", "yaml", "csv", "xml")
"""What a block may say that it is."""

_MARK: Final = re.compile(r"<!-- (not run|file|printed)(?:: (\S.*?))? -->")


class Block(NamedTuple):
    """A block of code of a page."""

    page: Path
    """Its file."""
    line: int
    """The line of its first line of code, from 1."""
    language: str
    """One of ``LANGUAGES``; what the page says, if anything."""
    text: str
    """The code."""
    not_run: str
    """Why it is not run; empty where it is, or is no code to run."""
    file: str
    """Name of the file that it is, if it is one."""
    printed: bool
    """Whether it shows what the last block before it prints."""

    @property
    def is_run(self) -> bool:
        """Whether the test runs it."""
        return self.language in RUN and not self.not_run

    @property
    def place(self) -> str:
        """Page and line, as editors take them."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def read_blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page in order; one that is indented, not fenced, has no language.

    Args:
        page: A Markdown file.
    """
    comment = ""
    for token in MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8")):
        if token.type in ("fence", "code_block"):
            assert token.map is not None
            mark, told = match.groups("") if (match := _MARK.fullmatch(comment)) else ("", "")
            yield Block(
                page=page,
                line=token.map[0] + (2 if token.type == "fence" else 1),
                language=token.info.strip(),
                text=token.content,
                not_run=told if mark == "not run" else "",
                file=told if mark == "file" else "",
                printed=mark == "printed",
            )
        comment = token.content.strip() if token.type == "html_block" else ""


def main() -> None:
    """Print the list."""
    blocks = [block for page in PAGES for block in read_blocks(page) if block.language in RUN]
    for block in blocks:
        told = f"not run: {block.not_run}" if block.not_run else "run"
        print(f"{block.place}\t{block.language}\t{told}")
    print(f"{sum(block.is_run for block in blocks)} of {len(blocks)} blocks are run")


if __name__ == "__main__":
    main()
