"""Make the documentation's screenshots from the folder of a demo: python ... vsdkit-demo.

They are made by this script alone, so that they show what the pages are. Chromium is Debian's, or
the one that CHROMIUM names.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import quote

from browser import start_browser
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

IMAGES: Final = Path(__file__).parents[1] / "docs" / "images"
LARGEST_BYTES: Final = 250_000
# Images are loaded when they come into view, so that those below it never are.
_IMAGES_IN_VIEW: Final = """() => Promise.all([...document.images]
  .filter((one) => one.getBoundingClientRect().top < innerHeight)
  .map((one) => one.decode()))"""


class Shot(NamedTuple):
    """A screenshot of a report of the demo's predictions."""

    name: str
    """Of the image, without its suffix."""
    systems: tuple[str, ...]
    """Files of predictions; the first system is looked at."""
    width: int
    """Of the window, in pixels."""
    height: int
    """Of the window, in pixels."""
    scheme: Literal["light", "dark"]
    """What the system prefers."""
    address: str = ""
    """State of the page: what stands behind # in its address."""
    scroll_to: str = ""
    """What stands at the window's top, as a CSS selector; empty for the page's own."""


_ONE: Final = ("preds.jsonl",)
_TWO: Final = ("preds.jsonl", "boxes.jsonl")
SHOTS: Final = (
    Shot("report", _ONE, 1600, 820, "light"),
    Shot("report-dark", _ONE, 1600, 820, "dark"),
    Shot("report-phone", _ONE, 390, 844, "dark", scroll_to="#list article"),
    # A click on the cell of the matrix where the demo's model errs most.
    Shot("report-cell", _ONE, 1600, 1000, "light", "relation=behind&predicted=in front of"),
    Shot("report-compared", _TWO, 1600, 1000, "light"),
)


def prepare(demo: Path, folder: Path) -> None:
    """Give a folder what the demo's has, and answers from boxes alone as a second system.

    The commands run in it, so that no page shows a path of this machine.
    """
    for entry in demo.resolve().iterdir():
        (folder / entry.name).symlink_to(entry)
    boxes = ("--engine", "boxes", "--fit", "gold.jsonl", "--output", "boxes.jsonl")
    _run("infer", "heldout/gold.jsonl", *boxes, folder=folder)


def write_report(folder: Path, systems: tuple[str, ...]) -> Path:
    """Write the report of systems and return its page."""
    output = f"report-{len(systems)}"
    heldout = ("--gold", "heldout/gold.jsonl", "--images", "heldout/images")
    _run("report", *systems, *heldout, "--output", output, folder=folder)
    return folder / output / "index.html"


def _run(*words: str, folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "vsdkit", *words], check=True, cwd=folder)


def take_shots(demo: Path) -> Iterator[tuple[Shot, bytes]]:
    """Yield each screenshot as a PNG with a palette.

    Raises:
        RuntimeError: If a page says that something is wrong with it.
    """
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        prepare(demo, folder)
        pages: dict[tuple[str, ...], Path] = {
            systems: write_report(folder, systems) for systems in (_ONE, _TWO)
        }
        browser = start_browser(playwright)
        for shot in SHOTS:
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
    view.goto(f"{page.as_uri()}#{quote(shot.address, safe='=&')}")
    view.locator("#list").get_by_role("article").first.wait_for()
    if shot.scroll_to:
        view.locator(shot.scroll_to).first.evaluate("(one) => one.scrollIntoView()")
    view.evaluate(_IMAGES_IN_VIEW)
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
