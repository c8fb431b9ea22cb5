"""Run the command line: what ``vsdkit`` and ``python -m vsdkit`` begin with."""

from __future__ import annotations

import sys

from vsdkit.errors import EXIT_INTERRUPTED


def main() -> None:
    """Run the command line; Ctrl-C while it is loaded is no traceback."""
    try:
        from vsdkit.cli.app import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
