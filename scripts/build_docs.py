"""Build the documentation into site/: generate pages, run zensical, check what it made."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from docs_check import check_markdown, check_site
from docs_pages import (
    API,
    DOCS,
    PLACES,
    ROOT,
    api_nav,
    api_pages,
    api_tables,
    move_links,
    nav_pages,
)

STAGE: Final = ROOT / "build" / "docs"
SITE: Final = ROOT / "site"
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")


def stage_pages() -> list[str]:
    """Fill build/docs with docs/ and the generated pages.

    Returns:
        The pages of the navigation, by their paths in the site.
    """
    shutil.rmtree(STAGE, ignore_errors=True)
    shutil.copytree(DOCS, STAGE)
    (STAGE / API).mkdir()
    (STAGE / "api.md").unlink()
    for page in (*STAGE.glob("*.md"), STAGE / "llms.txt"):
        _write(page.name, page.read_text(encoding="utf-8"), source=DOCS / page.name)
    for file in ("CONTRIBUTING.md", "CHANGELOG.md"):
        _write(PLACES[file], (ROOT / file).read_text(encoding="utf-8"), source=ROOT / file)
    library = api_pages()
    _write(f"{API}index.md", (DOCS / "api.md").read_text(encoding="utf-8"), source=DOCS / "api.md")
    with (STAGE / API / "index.md").open("a", encoding="utf-8") as index:
        index.write(api_tables(library))
    (STAGE / API / "SUMMARY.md").write_text(api_nav(library), encoding="utf-8")
    for generated in library:
        (STAGE / generated.path).write_text(generated.text, encoding="utf-8")
    named = [page.path for page in nav_pages() if page.path != API]
    return [*named, f"{API}index.md", *(page.path for page in library)]


def _write(place: str, text: str, *, source: Path) -> None:
    (STAGE / place).write_text(move_links(text, source=source, place=place), encoding="utf-8")


def main() -> None:
    """Build the site; exit with 1 and a line for each fault."""
    pages = stage_pages()
    # --clean: a page out of the cache brings none of its warnings again.
    command = [
        "zensical",
        "build",
        "--strict",
        "--clean",
        "--config-file",
        str(ROOT / "mkdocs.yml"),
    ]
    shutil.rmtree(SITE, ignore_errors=True)
    built = subprocess.run(
        [sys.executable, "-m", *command], check=False, capture_output=True, text=True
    )
    # A docstring that does not fit its function is told, and passed over.
    told = [line for line in built.stderr.splitlines() if line.startswith("griffe: ")]
    if built.returncode != 0 or told:
        # Each character has a colour of its own, which no file or log shows.
        sys.exit(_COLOUR.sub("", built.stdout + built.stderr))
    # For programs that read: each page as it was written, at its own address.
    for page in STAGE.glob("*.md"):
        shutil.copy(page, SITE / page.name)
    shutil.copy(STAGE / API / "index.md", SITE / API / "index.md")
    shutil.copy(STAGE / "llms.txt", SITE / "llms.txt")
    faults = check_site(SITE, pages)
    for page in sorted(STAGE.glob("*.md")):
        faults += check_markdown(page, SITE / page.with_suffix(".html").name)
    if faults:
        sys.exit("\n".join([*faults, f"{len(faults)} faults in {SITE}"]))
    print(f"built: {SITE / 'index.html'} ({len(pages)} pages)")


if __name__ == "__main__":
    main()
