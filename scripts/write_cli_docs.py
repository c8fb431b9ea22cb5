"""Write docs/cli.md from the commands themselves; with --check, fail when it is stale."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import typer
from typer.cli import get_docs_for_click

from vsdkit.cli.app import app

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"


def generate() -> str:
    """Return the page."""
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="vsdkit")
    text = get_docs_for_click(obj=command, ctx=context, name="vsdkit", title="The command line")
    # The type of an argument is a path, always; of options their names say what they take.
    lines = [re.sub(r"^(\* `[^-`]+?) <\S+>`", r"\1`", line.rstrip()) for line in text.splitlines()]
    return "\n".join(lines).strip() + "\n"


def main() -> None:
    """Write the page, or compare it."""
    text = generate()
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
            sys.exit(f"{PAGE.name} is stale: run make docs")
        return
    PAGE.write_text(text, encoding="utf-8")
    print(f"written: {PAGE}")


if __name__ == "__main__":
    main()
