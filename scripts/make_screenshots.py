"""Make the documentation's screenshots from the folder of a demo: python ... vsdkit-demo.

They are made by this script alone, so that they show what the pages are. Chromium is Debian's, or
the one that CHROMIUM names.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final, Literal, NamedTuple

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

IMAGES: Final = Path(__file__).parents[1] / "docs" / "images"
LARGEST_BYTES: Final = 250_000
_CHROMIUM: Final = os.environ.get("CHROMIUM", "/usr/bin/chromium")
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


class Shot(NamedTuple):
    """A screenshot of a report of the demo's predictions."""

    name: str
    """Of the image, without its suffix."""
    systems: tuple[str, ...]
    """Files of predictions in the demo's folder, the first is looked at."""
    width: int
    """Of the window, in pixels."""
    height: int
    """Of the window, in pixels."""
    scheme: Literal["light", "dark"]
    """What the system prefers."""
    address: str = ""
    """State of the page: what stands behind # in its address."""


SHOTS: Final = (
    Shot("report", ("preds.jsonl",), 1600, 1000, "light"),
    Shot("report-dark", ("preds.jsonl",), 1600, 1000, "dark"),
    Shot("report-phone", ("preds.jsonl",), 390, 844, "dark"),
    Shot("report-wrong", ("preds.jsonl",), 1600, 1000, "light", "verdict=wrong"),
    Shot(
        "report-compared",
        ("preds.jsonl", "preds.base.jsonl"),
        1600,
        1000,
        "light",
        "differ=1",
    ),
)


def write_report(demo: Path, systems: tuple[str, ...], output: Path) -> Path:
    """Write the report of the demo's predictions and return its page."""
    inputs = [str(demo / name) for name in systems]
    heldout = demo / "heldout"
    given = ["--gold", heldout / "gold.jsonl", "--images", heldout / "images", "--output", output]
    command = [sys.executable, "-m", "vsdkit", "report", *inputs, *map(str, given)]
    subprocess.run(command, check=True)
    return output / "index.html"


def take_shots(demo: Path) -> Iterator[tuple[Shot, bytes]]:
    """Yield each screenshot as PNG, 256 colours of its own.

    Raises:
        RuntimeError: If a page says that something is wrong with it.
    """
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=list(_ARGUMENTS))
        pages: dict[tuple[str, ...], Path] = {}
        for shot in SHOTS:
            if shot.systems not in pages:
                folder = Path(name) / str(len(pages))
                pages[shot.systems] = write_report(demo, shot.systems, folder)
            yield shot, _take(browser, shot, pages[shot.systems])
        browser.close()


def _take(browser: Browser, shot: Shot, page: Path) -> bytes:
    faults: list[str] = []
    context = browser.new_context(
        viewport={"width": shot.width, "height": shot.height}, color_scheme=shot.scheme
    )
    view = context.new_page()
    view.on("pageerror", lambda error: faults.append(str(error)))
    view.on("console", lambda told: faults.append(told.text) if told.type == "error" else None)
    view.goto(f"{page.as_uri()}#{shot.address}")
    view.locator("#list").get_by_role("article").first.wait_for()
    view.wait_for_function("[...document.images].every((one) => one.complete)")
    picture = view.screenshot()
    context.close()
    if faults:
        raise RuntimeError(f"{shot.name}: {'; '.join(faults)}")
    return _packed(picture)


def _packed(picture: bytes) -> bytes:
    """Return a PNG with a palette: text on plain ground needs no more colours."""
    out = BytesIO()
    with Image.open(BytesIO(picture)) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> None:
    """Write the screenshots into docs/images; refuse one that a reader would wait for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("demo", type=Path, help="folder of vsdkit demo")
    IMAGES.mkdir(exist_ok=True)
    for shot, picture in take_shots(parser.parse_args().demo):
        if len(picture) > LARGEST_BYTES:
            raise SystemExit(f"{shot.name}: {len(picture):,} bytes; at most {LARGEST_BYTES:,}")
        path = IMAGES / f"{shot.name}.png"
        path.write_bytes(picture)
        print(f"{path}: {len(picture):,} bytes")


if __name__ == "__main__":
    main()
