"""The Chromium that pages are looked at with: by tests, screenshots and benchmarks."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

__all__ = ["BROWSERS", "find_browser", "start_browser"]

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""What it is called, by Debian and others; the variable CHROMIUM names another one."""
# Nothing but the page: no sandbox in a container, no service that calls home.
_ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_browser() -> str | None:
    """Return the path of the browser; None if there is none."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


def start_browser(playwright: Playwright) -> Browser:
    """Start the browser, without a window.

    Raises:
        SystemExit: If there is none.
    """
    path = find_browser()
    if path is None:
        raise SystemExit(f"no browser: none of {', '.join(BROWSERS)} is on the PATH")
    return playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
