"""Write docs/cli.md from the commands themselves; with --check, fail when it is stale."""

from __future__ import annotations

import re
from pathlib import Path

import typer
from generated import write
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
    """Write it, or compare it."""
    write(PAGE, generate())


if __name__ == "__main__":
    main()
