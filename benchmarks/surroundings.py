"""What benchmarks have in common: the machine they name, SPICE's cache, the results they keep."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vsdkit.jvm import fetch_spice_files, spice_folder


def name_machine() -> dict[str, str]:
    """Return what a result says of the machine it was measured on."""
    return {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
    }


def new_cache(folder: Path) -> Path:
    """Return the folder as a cache with SPICE's files; what it holds already stays."""
    fetch_spice_files()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "spice-1.0").exists():
        (folder / "spice-1.0").symlink_to(spice_folder())
    return folder


def keep(result: Mapping[str, Any], path: Path, *, quiet: bool = False) -> None:
    """Write the result beside those of the other benchmarks.

    Args:
        result: As JSON.
        path: Where.
        quiet: Say nothing, for a result that is written many times as it grows.
    """
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if not quiet:
        print(f"kept in {path}")
