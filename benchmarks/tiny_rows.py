"""A few drawn pictures and rows about them, on which the tiny base trains in seconds."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from vsdkit.conversation import load_template
from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import InstructionRow
from vsdkit.manifest import manifest_path

__all__ = ["write_tiny_rows"]


def write_tiny_rows(folder: Path, *, rows: int) -> Path:
    """Write pictures (``pictures/``) and one row about each; return the file of rows."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    written = []
    for number in range(rows):
        image = Image.new("RGB", (40 + 4 * (number % 8), 48), (number * 30 % 256, 80, 120))
        image.save(pictures / f"{number}.png")
        side = "left" if number % 2 else "right"
        written.append(
            InstructionRow(
                id=f"row-{number}",
                image=f"{number}.png",
                task=2,
                question=f"Where is the red box, seen from ball {number}?",
                answer=f"The red box is to the {side} of the ball.",
            )
        )
    path = folder / "instructions.jsonl"
    write_rows(path, [row.to_dict() for row in written])
    note = {"template": "paper", "template_text": load_template("paper").text}
    manifest_path(path).write_text(json.dumps(note), encoding="utf-8")
    return path
