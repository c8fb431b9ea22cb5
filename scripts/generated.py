"""Write what scripts make of the code, or with --check compare it with what is there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

__all__ = ["renew", "write"]


def write(page: Path, text: str) -> None:
    """Write a page; with --check end with exit code 1 where it is another one.

    Args:
        page: Its file.
        text: All of it.
    """
    if "--check" in sys.argv[1:]:
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            sys.exit(f"{page.name} is stale: run make docs")
        return
    page.write_text(text, encoding="utf-8")
    print(f"written: {page}")


def renew(page: Path, *, part: str, script: str, text: str) -> None:
    """Write the part of a page that stands between two marks, or compare it; see ``write``.

    Args:
        page: Its file, with ``<!-- PART, by scripts/SCRIPT -->`` and ``<!-- end -->`` behind it.
        part: What the first mark calls it.
        script: File name of the script that makes it.
        text: The part.
    """
    mark = re.escape(f"<!-- {part}, by scripts/{Path(script).name} -->")
    whole, places = re.subn(
        rf"({mark}\n).*?(<!-- end -->)",
        lambda place: f"{place[1]}\n{text}\n\n{place[2]}",
        page.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    if places != 1:
        sys.exit(f"{page.name} has no place for the {part}")
    write(page, whole)
