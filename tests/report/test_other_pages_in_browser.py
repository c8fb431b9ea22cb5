"""The pages of instruction rows and of runs in a browser: opened from the disk, as people do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api")
from playwright.sync_api import expect

from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import InstructionRow
from vsdkit.report import report

EVIL = "<img src=x onerror=alert(1)>"
"""A name that would do something if it were taken for markup."""
OVERFLOW = "() => document.documentElement.scrollWidth - innerWidth"
CHARTS = "#charts svg .line"


@pytest.fixture(scope="module", autouse=True)
def rows_cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VSDKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def _write_run(folder: Path, steps: int, *, rate: float = 0.1) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    job = {
        "settings": {"learning_rate": rate, "name": folder.name, "base": EVIL},
        "plan": {"steps": 200, "rows": 800, "global_batch_size": 8},
        "argv": ["finetune"],
    }
    (folder / "job.json").write_text(json.dumps(job))
    rows = [
        {"step": step, "loss": None if step == 7 else 4 / step, "learning_rate": rate,
         "skipped": step == 5, "seconds": 36.0, "tokens_per_second": 5000.0 + step}
        for step in range(1, steps + 1)
    ]  # fmt: skip
    write_rows(folder / "metrics.jsonl", rows)
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of two runs, one with a name that is markup."""
    folder = tmp_path_factory.mktemp("runs")
    runs = [_write_run(folder / EVIL, 100), _write_run(folder / "b", 60, rate=0.2)]
    return report(inputs=runs, output=folder / "page").page


@pytest.fixture(scope="module")
def instructions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of rows whose every text is markup."""
    folder = tmp_path_factory.mktemp("instructions")
    rows = [
        InstructionRow(
            f"{EVIL}{at}-task1",
            f"../../{EVIL}{at}.png",
            1,
            f"Given the image, choose the most appropriate preposition to complete the sentence: "
            f"'The {tag} is [BLANK] the {EVIL}'. Select from: on, in, next to, under, above, "
            "behind, in front of, to the left of, to the right of.",
            relation,
        )
        for at, (tag, relation) in enumerate([("cup", "on"), ("cup", "in"), ("bed", "in")])
    ]
    write_rows(folder / "rows.jsonl", [row.to_dict() for row in rows])
    return report(
        inputs=[folder / "rows.jsonl"], images=[folder], base="tiny", output=folder / "page"
    ).page


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1600, "light")])
def test_both_pages_open_without_trouble_and_fit(
    look: Callable[..., Any], runs: Path, instructions: Path, width: int, scheme: str
) -> None:
    for page, waits_for in ((runs, CHARTS), (instructions, "mark")):
        view = look(page, width=width, color_scheme=scheme, waits_for=waits_for)
        assert view.page.evaluate(OVERFLOW) <= 0
        expect(view.page.locator("h1")).to_be_visible()
        assert view.page.locator("img[onerror]").count() == 0


def test_pointing_and_keys_show_the_values_at_a_step(look: Callable[..., Any], runs: Path) -> None:
    page = look(runs, waits_for=CHARTS).page
    chart = page.locator("[data-measure=loss]")
    readout = chart.locator(".readout li")
    expect(readout.first).to_contain_text("step 100")
    chart.locator("svg").hover(position={"x": 56, "y": 100})
    expect(readout.first).to_contain_text("step 1,")
    expect(readout.first.locator("strong")).to_have_text("4")
    # One cursor goes through all charts.
    expect(page.locator("#charts .cursor .at")).to_have_count(3)
    chart.locator("svg").focus()
    # Step 7 has no finite loss, and is passed over.
    for key in ("Home", "ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    expect(readout.first).to_contain_text("step 13,")
    expect(page.locator("#spoken")).to_contain_text("loss:")
    page.keyboard.press("Escape")
    expect(page.locator("#charts .cursor .at")).to_have_count(0)


def test_runs_are_hidden_and_axes_changed(look: Callable[..., Any], runs: Path) -> None:
    page = look(runs, waits_for=CHARTS).page
    loss = page.locator("[data-measure=loss]")
    expect(loss.locator(".end")).to_have_count(2)
    assert loss.locator("path.skipped").count() == 2
    assert loss.locator("path.broken").count() == 2
    # Of two lines each has its dashes and markers.
    dashes = loss.locator(".line").evaluate_all(
        "all => all.map((one) => one.getAttribute('stroke-dasharray'))"
    )
    assert len(set(dashes)) == 2
    page.locator("[name=run]").nth(1).uncheck()
    expect(loss.locator(".line")).to_have_count(1)
    page.locator("[name=axis][value=hours]").check()
    expect(loss.locator("text.tick", has_text="0.8")).to_have_count(1)
    page.locator("#log").check()
    expect(loss.locator("text.tick", has_text=re.compile("^0.05$"))).to_have_count(1)
    page.locator("#smoothing").fill("0")
    expect(page.locator("#smoothing-told")).to_have_text("0.00")
    expect(loss.locator(".readout")).not_to_contain_text("smoothed")


def test_the_page_written_anew_shows_the_new_points(
    look: Callable[..., Any], tmp_path: Path
) -> None:
    run = _write_run(tmp_path / "a", 1)
    page = report(inputs=[run], output=tmp_path / "page").page
    tab = look(page, waits_for="#charts svg .marker").page
    expect(tab.locator("[data-measure=loss] .readout")).to_contain_text("step 1")
    _write_run(run, 30)
    report(inputs=[run], output=tmp_path / "page")
    tab.reload()
    expect(tab.locator("[data-measure=loss] .readout")).to_contain_text("step 30")


def test_a_run_before_its_first_step_says_so(look: Callable[..., Any], tmp_path: Path) -> None:
    page = report(inputs=[_write_run(tmp_path / "a", 0)], output=tmp_path / "page").page
    expect(look(page, waits_for="#charts p").page.locator("#charts")).to_contain_text("No step yet")


@pytest.mark.parametrize(
    ("piece", "content"), [("runs", "vsdkit.take('runs', 'AAAA');"), ("words", ""), ("runs", "")]
)
def test_a_damaged_data_file_is_told(
    look: Callable[..., Any], tmp_path: Path, piece: str, content: str
) -> None:
    page = report(inputs=[_write_run(tmp_path / "a", 3)], output=tmp_path / "page").page
    (path,) = (tmp_path / "page" / "data").glob(f"{piece}-*.js")
    path.write_text(content)
    tab = look(page, waits_for="#trouble").page
    expect(tab.locator("#trouble")).to_contain_text("This page cannot be shown whole")


def test_the_table_of_tags_is_switched_and_sorted(
    look: Callable[..., Any], instructions: Path
) -> None:
    page = look(instructions, waits_for="table.tags").page
    page.locator("[name=role][value=subject]").check()
    table = page.locator("[data-role=subject] table")
    names = table.locator("tbody th")
    assert names.all_inner_texts() == ["cup", "bed"]
    table.get_by_role("button", name="subject").click()
    assert names.all_inner_texts() == ["bed", "cup"]
    table.get_by_role("button", name="on", exact=True).click()
    assert names.all_inner_texts() == ["cup", "bed"]
    expect(table.locator("[aria-sort]")).to_have_text("on")
    expect(page.locator("[data-role=object]")).to_be_hidden()


def test_what_is_trained_is_marked_and_markup_is_text(
    look: Callable[..., Any], instructions: Path
) -> None:
    page = look(instructions, waits_for="mark").page
    expect(page.locator(".sample mark")).to_have_count(3)
    expect(page.locator(".sample").first).to_contain_text(EVIL)
    expect(page.locator(".place").first).to_contain_text("<image> x")
    assert page.locator(".sample img").count() == 0
