"""``python -m vsdkit`` is ``vsdkit``."""

from __future__ import annotations

from vsdkit.cli.app import main

if __name__ == "__main__":
    main()
