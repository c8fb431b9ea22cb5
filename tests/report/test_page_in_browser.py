"""The page of predictions in a browser: opened from the disk, as people do."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api")
from playwright.sync_api import expect

from vsdkit.data.relations import RELATIONS
from vsdkit.demo.scenes import sample_scenes

CHUNK = 10
"""Entries in a piece of details, as the pages are made here."""
SCENES = list(sample_scenes(40, seed=3))
FOUND = "() => document.querySelectorAll('#list .entry[aria-busy=false]').length"

CONTRAST = """() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const light = ([red, green, blue]) => [red, green, blue]
    .map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return rgba("Canvas");
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const writes = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const unseen = element.closest(".out-of-sight, :disabled") || !element.checkVisibility();
    if (!writes || unseen) continue;
    const [one, other] = [light(rgba(getComputedStyle(element).color)), light(behind(element))];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) poor.push(`${element.className || element.tagName} ${contrast.toFixed(2)}`);
  }
  return [...new Set(poor)];
}"""
"""Returns what is written with a contrast below that of WCAG AA."""


@pytest.fixture(scope="module")
def one(write_page: Callable[..., Path], tmp_path_factory: Any) -> Path:
    return write_page(tmp_path_factory.mktemp("one") / "report", scenes=SCENES)


@pytest.fixture(scope="module")
def two(write_page: Callable[..., Path], tmp_path_factory: Any) -> Path:
    folder = tmp_path_factory.mktemp("two") / "report"
    return write_page(folder, scenes=SCENES, systems=("lora", "base"), pictures=False)


@pytest.fixture(scope="module")
def thousands(write_page: Callable[..., Path], tmp_path_factory: Any) -> Path:
    scenes = list(sample_scenes(3000, seed=4))
    return write_page(
        tmp_path_factory.mktemp("many") / "report", scenes=scenes, pictures=False, chunk=100
    )


def state(view: Any) -> str:
    return view.page.evaluate("location.hash")


def test_an_entry_shows_picture_boxes_answers_verdicts_tuples_and_numbers(
    one: Path, look: Callable[..., Any]
) -> None:
    view = look(one)
    entry = view.page.locator(".entry").first
    scene = SCENES[0]
    expect(entry).to_have_attribute("aria-busy", "false")
    expect(entry.get_by_role("heading", level=2)).to_have_text(
        f"subject {scene.subject.tag} {scene.relation} object {scene.object.tag}"
    )
    assert (
        entry.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)")
        == 128
    )
    expect(entry.get_by_role("group", name="lora, task 2")).to_contain_text("✓ right")
    expect(entry.get_by_role("group", name="lora, task 2").locator(".chips").first).to_contain_text(
        "matched"
    )
    expect(entry.get_by_role("group", name="lora, task 3")).to_contain_text(
        "1\u20132: 20.0, 1\u20133: 15.5, 2\u20133: 40.0"
    )
    expect(entry.get_by_role("group", name="gold, task 2")).to_contain_text(scene.captions[0])
    expect(entry.get_by_role("region", name="task 2")).to_contain_text(
        f"Describe where the {scene.subject.tag} is to the {scene.object.tag}."
    )
    expect(view.page.locator("#head")).to_contain_text("58.3 to 62.0")
    expect(view.page.get_by_text("f1|case:lower|version:0")).not_to_be_visible()
    view.page.get_by_text("All numbers, and how each was computed").click()
    expect(view.page.get_by_text("f1|case:lower|version:0")).to_be_visible()


def test_a_box_tells_its_tag_and_coordinates_under_the_pointer_and_under_the_focus(
    one: Path, look: Callable[..., Any]
) -> None:
    entry = look(one).page.locator(".entry").first
    box = SCENES[0].subject.box
    tag = SCENES[0].subject.tag
    words = f"subject {tag}: x {box.x_min} to {box.x_max}, y {box.y_min} to {box.y_max}"
    caption = entry.locator("figcaption")
    expect(caption).to_have_text(SCENES[0].file_name)
    entry.get_by_role("img", name=words).hover()
    expect(caption).to_contain_text(words)
    other = entry.get_by_role("img", name=f"object {SCENES[0].object.tag}")
    other.focus()
    expect(caption).to_contain_text(f"object {SCENES[0].object.tag}")
    # The edge is where the box is: drawn in the picture's pixels.
    edge = entry.locator(".box.subject .edge")
    assert [edge.get_attribute(name) for name in ("x", "y", "width", "height")] == [
        str(value) for value in (box.x_min, box.y_min, box.width, box.height)
    ]


def test_of_thousands_only_what_is_near_is_built_and_loaded(
    thousands: Path, look: Callable[..., Any]
) -> None:
    view = look(thousands)
    view.page.wait_for_function(f"() => ({FOUND})() >= 10")
    assert view.loaded("details") == [
        name for name in view.loaded("details") if name.startswith("details-000-")
    ]
    assert view.loaded("summary")
    assert view.loaded("entries")
    # 300 blocks of the list, some ten of them filled.
    assert view.page.evaluate("document.querySelectorAll('*').length") < 8000
    assert view.page.locator(".entry").count() < 60
    expect(view.page.locator("#count")).to_have_text("3,000 entries")
    view.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    view.page.wait_for_function("() => document.querySelector('[aria-posinset=\"3000\"]')")
    view.page.wait_for_function("() => !document.querySelector('[aria-posinset=\"1\"]')")
    assert view.page.locator(".entry").count() < 100
    assert len(view.loaded("details")) < 6


def test_another_filter_begins_with_its_first_entry(
    thousands: Path, look: Callable[..., Any]
) -> None:
    page = look(thousands).page
    page.evaluate("window.scrollTo(0, 40_000)")
    page.wait_for_function("() => !document.querySelector('[aria-posinset=\"1\"]')")
    page.get_by_role("combobox", name="Relation", exact=True).select_option("0")
    expect(page.locator("[aria-posinset='1'] h2")).to_be_in_viewport()


def test_pictures_are_loaded_when_they_come_near(one: Path, look: Callable[..., Any]) -> None:
    view = look(one)
    images = view.page.locator("#list img")
    assert {images.nth(place).get_attribute("loading") for place in range(images.count())} == {
        "lazy"
    }


def test_relation_verdict_task_and_tag_filter(one: Path, look: Callable[..., Any]) -> None:
    view = look(one)
    page = view.page
    count = page.locator("#count")
    page.get_by_role("combobox", name="Relation", exact=True).select_option(
        str(RELATIONS.index("on"))
    )
    on = [scene for scene in SCENES if scene.relation == "on"]
    expect(count).to_have_text(f"{len(on)} of 40 entries")
    assert state(view) == "#relation=on"
    assert view.ids() == [scene.id for scene in on]
    page.get_by_role("combobox", name="Relation", exact=True).select_option("")
    page.get_by_role("combobox", name="Verdict", exact=True).select_option("W")
    wrong = int(
        re.search(
            r"wrong \((\d+)\)",
            page.get_by_role("combobox", name="Verdict", exact=True).inner_text(),
        )[1]
    )
    expect(count).to_have_text(f"{wrong} of 40 entries")
    assert 0 < wrong < 40
    page.get_by_role("combobox", name="Task", exact=True).select_option("2")
    expect(page.locator(".entry").first.locator(".task")).to_have_count(1)
    page.get_by_role("button", name="reset").click()
    expect(count).to_have_text("40 entries")
    tag = page.get_by_role("combobox", name="Tag", exact=True)
    tag.focus()
    tags = {thing.tag for scene in SCENES for thing in (scene.subject, scene.object)}
    assert page.locator("#tags option").count() == len(tags)
    tag.fill("red ball")
    tag.press("Enter")
    found = [scene for scene in SCENES if "red ball" in (scene.subject.tag, scene.object.tag)]
    expect(count).to_have_text(f"{len(found)} of 40 entries")
    tag.fill("no such thing")
    tag.press("Enter")
    expect(page.get_by_role("status").filter(has_text="no tag is called")).to_be_visible()


def test_a_cell_of_the_matrix_shows_its_entries(one: Path, look: Callable[..., Any]) -> None:
    view = look(one)
    cell = view.page.get_by_role("button", name=re.compile(r"gold on, answered on: \d+ of"))
    told = int(cell.inner_text())
    cell.click()
    expect(view.page.locator("#count")).to_have_text(f"{told} of 40 entries")
    assert state(view) == "#relation=on&predicted=on"
    pressed = view.page.locator("#matrix [aria-pressed=true]")
    expect(pressed).to_be_focused()
    pressed.click()
    expect(view.page.locator("#count")).to_have_text("40 entries")


def test_the_bars_of_a_relation_show_its_entries(one: Path, look: Callable[..., Any]) -> None:
    view = look(one)
    bars = view.page.get_by_role(
        "button", name=re.compile(r"^in: F1 [\d.]+, precision [\d.]+, recall")
    )
    bars.click()
    expect(bars).to_have_attribute("aria-pressed", "true")
    assert state(view) == "#relation=in"
    assert set(view.page.locator("#list .entry .relation").all_inner_texts()) == {"in"}


def test_two_systems_stand_side_by_side_and_where_they_differ_comes_first(
    two: Path, look: Callable[..., Any]
) -> None:
    view = look(two)
    page = view.page
    expect(page.locator("#head")).to_contain_text("base \u2212 lora")
    expect(page.locator("#head")).to_contain_text("p 0.004")
    expect(page.get_by_label("differing first")).to_be_checked()
    page.wait_for_function(f"() => ({FOUND})() >= 10")
    marks = page.locator("#list .entry").evaluate_all(
        "all => all.map((one) => 'differs' in one.dataset)"
    )
    assert marks[0]
    assert sorted(marks, reverse=True) == marks
    first = page.locator(".entry").first
    expect(first).to_contain_text("≠ systems differ")
    places = [
        first.get_by_role("group", name=f"{name}, task 2").bounding_box()
        for name in ("lora", "base")
    ]
    assert places[0]["y"] == places[1]["y"]
    assert places[0]["x"] + places[0]["width"] <= places[1]["x"]
    before = page.locator("#matrix").inner_text()
    page.get_by_role("combobox", name="System", exact=True).select_option("1")
    assert page.locator("#matrix").inner_text() != before
    expect(page.locator("#overview-system")).to_have_text("base")
    assert state(view) == "#system=2"
    page.get_by_label("differing first").uncheck()
    assert state(view) == "#system=2&differ=0"


def test_systems_stand_one_under_the_other_on_a_small_screen(
    two: Path, look: Callable[..., Any]
) -> None:
    first = look(two, width=390, height=844).page.locator(".entry").first
    places = [
        first.get_by_role("group", name=f"{name}, task 2").bounding_box()
        for name in ("lora", "base")
    ]
    assert places[0]["x"] == places[1]["x"]
    assert places[0]["y"] + places[0]["height"] <= places[1]["y"]


def test_a_search_finds_tags_at_once_and_sentences_after_reading_them(
    one: Path, look: Callable[..., Any]
) -> None:
    view = look(one)
    page = view.page
    search = page.get_by_role("searchbox")
    search.fill("can be seen")
    expect(page.locator("#count")).to_have_text("0 of 40 entries")
    assert len(view.loaded("details")) < 40 / CHUNK
    page.get_by_label("in sentences too").check()
    expect(page.locator("#count")).to_have_text("40 entries")
    assert len(view.loaded("details")) == 40 / CHUNK
    search.fill(SCENES[7].id)
    expect(page.locator("#count")).to_have_text("1 of 40 entries")
    assert view.ids() == [SCENES[7].id]


def test_every_number_sorts_in_both_directions(one: Path, look: Callable[..., Any]) -> None:
    view = look(one)
    page = view.page

    def values() -> list[float]:
        page.wait_for_function(f"() => ({FOUND})() >= 10")
        texts = page.locator(
            ".entry .cell[aria-label='lora, task 2'] .numbers .number:nth-child(2) b"
        )
        return [float(text) for text in texts.all_inner_texts()]

    # The worst come first: that is what one sorts for.
    page.get_by_role("combobox", name="Sort", exact=True).select_option("2.spice")
    low = values()
    assert low == sorted(low)
    assert state(view) == "#sort=2.spice&order=low"
    page.get_by_role("button", name="low first").click()
    high = values()
    assert high == sorted(high, reverse=True)
    assert high[0] > low[0]
    assert state(view) == "#sort=2.spice"
    # Of mBLEU-4 the high end is the worse one.
    page.get_by_role("combobox", name="Sort", exact=True).select_option("3.mbleu4")
    expect(page.get_by_role("button", name="high first")).to_be_visible()


def test_everything_is_reached_by_keys(one: Path, look: Callable[..., Any]) -> None:
    view = look(one)
    page = view.page

    def focused() -> str:
        return page.evaluate("document.activeElement.getAttribute('aria-posinset')")

    page.keyboard.press("j")
    assert focused() == "1"
    for _ in range(14):
        page.keyboard.press("j")
    page.keyboard.press("k")
    assert focused() == "14"
    box = page.locator("[aria-posinset='14']").bounding_box()
    bar = page.locator("#filters").bounding_box()
    assert bar["y"] + bar["height"] <= box["y"] < 1000
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="one entry")
    expect(dialog).to_contain_text("14 of 40")
    expect(dialog.get_by_role("article")).to_be_focused()
    assert state(view) == f"#entry={SCENES[13].id}"
    page.keyboard.press("j")
    expect(dialog).to_contain_text("15 of 40")
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    assert focused() == "15"
    page.keyboard.press("o")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    # In a field a letter is a letter.
    page.keyboard.type("jo?")
    expect(page.get_by_role("searchbox")).to_have_value("jo?")
    page.get_by_role("searchbox").fill("")
    page.keyboard.press("Tab")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("^gold on, answered on:")).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.ariaLabel").startswith("gold in, answered in:")
    page.keyboard.press("Enter")
    assert state(view) == "#relation=in&predicted=in"


def test_an_address_restores_what_it_was_copied_from(two: Path, look: Callable[..., Any]) -> None:
    scene = next(scene for scene in SCENES if scene.relation == "to the left of")
    shown = f"#system=2&relation=left&task=2&text={scene.id}&sort=2.spice&order=low&differ=0"
    asked = f"{shown}&entry={scene.id}"
    view = look(two, asked)
    page = view.page
    assert state(view) == asked
    expect(page.get_by_role("dialog", name="one entry")).to_contain_text("1 of 1")
    page.keyboard.press("Escape")
    expect(page.locator("#count")).to_have_text("1 of 40 entries")
    expect(page.get_by_role("combobox", name="System", exact=True)).to_have_value("1")
    expect(page.get_by_role("searchbox")).to_have_value(scene.id)
    page.go_back()
    expect(page.get_by_role("dialog", name="one entry")).to_be_visible()
    page.go_forward()
    expect(page.get_by_role("dialog", name="one entry")).not_to_be_visible()
    page.get_by_role("button", name="reset").click()
    assert state(view) == "#system=2"
    page.go_back()
    expect(page.locator("#count")).to_have_text("1 of 40 entries")
    assert state(view) == shown


@pytest.mark.parametrize(
    "address",
    [
        "#relation=nowhere&system=9&task=7&verdict=R&sort=x.y&order=up&entry=none&constructor=1&grid=1",
        "#relation=%E0%A4%A&system=-1&text=" + "x" * 5000,
        "#__proto__=1&toString=2&system=1.5&predicted=<img src=x onerror=alert(1)>",
    ],
)
def test_an_address_that_asks_for_what_is_not_there_does_nothing_bad(
    one: Path, look: Callable[..., Any], address: str
) -> None:
    view = look(one, address)
    expect(view.page.locator("#count")).to_have_text("40 entries")
    expect(view.page.locator("#said")).to_contain_text("asks for what is not here")


def test_the_skip_link_keeps_the_address(one: Path, look: Callable[..., Any]) -> None:
    view = look(one, "#relation=on")
    view.page.keyboard.press("Tab")
    view.page.keyboard.press("Enter")
    expect(view.page.locator("main")).to_be_focused()
    assert state(view) == "#relation=on"


def test_the_link_is_copied(one: Path, look: Callable[..., Any]) -> None:
    view = look(one, "#relation=on", permissions=["clipboard-read", "clipboard-write"])
    view.page.get_by_role("button", name="copy link").click()
    expect(view.page.locator("#said")).to_have_text("link copied")
    assert view.page.evaluate("navigator.clipboard.readText()").endswith("index.html#relation=on")


# 800: a screen of 1600 at 200 %.
@pytest.mark.parametrize(
    ("width", "scheme"), [(390, "light"), (390, "dark"), (800, "light"), (1600, "dark")]
)
def test_nothing_overflows_and_all_text_has_contrast(
    one: Path, two: Path, look: Callable[..., Any], width: int, scheme: str
) -> None:
    for index, address in ((one, "#view=pictures"), (two, "#verdict=wrong&sort=2.spice")):
        view = look(index, address, width=width, color_scheme=scheme)
        page = view.page
        page.wait_for_selector("[data-entry]:not([aria-busy=true])")
        page.locator("#overview details").evaluate("element => { element.open = true; }")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(CONTRAST) == []
        page.locator(".open, .picture-button").first.click()
        page.wait_for_selector("#alone article[aria-busy=false]")
        assert page.locator("#alone").evaluate(
            "element => element.scrollWidth <= element.clientWidth"
        )
        assert page.evaluate(CONTRAST) == []


def test_dark_is_dark(one: Path, look: Callable[..., Any]) -> None:
    colours = [
        look(one, color_scheme=scheme).page.evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for scheme in ("light", "dark")
    ]
    light, dark = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours)
    assert dark < 150 < 600 < light


def test_paper_has_the_filtered_entries_and_no_controls(
    one: Path, look: Callable[..., Any]
) -> None:
    view = look(one, "#relation=on")
    page = view.page
    page.evaluate(
        "window.print = () => {"
        "  window.printed = document.querySelectorAll('[aria-busy=false].entry').length; }"
    )
    page.get_by_role("button", name="print").click()
    page.wait_for_function("() => window.printed")
    on = sum(scene.relation == "on" for scene in SCENES)
    assert page.evaluate("window.printed") == on
    page.emulate_media(media="print")
    for hidden in ("#filters", "#overview", ".open"):
        expect(page.locator(hidden).first).not_to_be_visible()
    expect(page.locator("#printed")).to_have_text(f"{on} entries (relation=on)")
    expect(page.locator(".entry").first).to_be_visible()


def test_of_thousands_paper_has_the_first_and_says_so(
    thousands: Path, look: Callable[..., Any]
) -> None:
    view = look(thousands)
    view.page.evaluate("window.print = () => { window.printed = true; }")
    view.page.get_by_role("button", name="print").click()
    view.page.wait_for_function("() => window.printed")
    view.page.emulate_media(media="print")
    expect(view.page.locator("#printed")).to_have_text("the first 200 of 3,000 entries (all)")
    shown = view.page.locator(".entry").evaluate_all(
        "all => all.filter((one) => one.checkVisibility()).length"
    )
    assert shown == 200
    view.page.emulate_media(media="screen")
    view.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    view.page.wait_for_function("() => document.querySelectorAll('.entry').length < 60")


EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>{subject}$&"


def test_text_of_the_data_is_text(
    tmp_path: Path, write_page: Callable[..., Path], look: Callable[..., Any]
) -> None:
    scenes = [
        replace(
            scene,
            subject=replace(scene.subject, colour=f"{EVIL}\"'><b>"),
            captions=(EVIL, "javascript:alert(3)", "</script><script>alert(4)</script>"),
            descriptions=("<svg onload=alert(5)>",),
        )
        for scene in SCENES[:3]
    ]
    names = ["../../x", "javascript:alert(6)", "</script><script>alert(7)</script>"]
    scenes = [replace(scene, id=name) for scene, name in zip(scenes, names, strict=True)]
    index = write_page(
        tmp_path / "report", scenes=scenes, systems=("<i>lora", EVIL), pictures=False
    )
    view = look(index)
    page = view.page
    page.wait_for_function(f"() => ({FOUND})() === 3")
    expect(page.locator(".entry").first).to_contain_text(EVIL)
    expect(page.locator(".entry").first.locator(".id")).to_have_text("../../x")
    for name in names:
        page.locator(".entry").filter(has_text=name).first.get_by_role(
            "button", name="open"
        ).click()
        expect(page.get_by_role("dialog", name="one entry").locator(".id")).to_have_text(name)
        page.keyboard.press("Escape")
    page.get_by_role("searchbox").fill("<script>")
    expect(page.locator("#count")).to_have_text("3 entries")
    page.get_by_role("combobox", name="Tag", exact=True).focus()
    page.get_by_label("pictures only").check()
    page.wait_for_selector(".tile")
    for markup in ("main script", "main b > *", "main i", "header i", "#list img", "[onload]"):
        assert page.locator(markup).count() == 0, markup


def test_a_path_of_a_thumbnail_leads_nowhere_else(
    tmp_path: Path, write_page: Callable[..., Path], look: Callable[..., Any]
) -> None:
    index = write_page(tmp_path / "report", scenes=SCENES[:4], pictures=False)
    paths = [
        "../../x.png",
        "javascript:alert(1)",
        "https://example.org/x.png",
        "thumbs/../../x.png",
    ]
    script = f"vsdkit.load('entries').then((columns) => {{ columns.thumbnails = {paths}; }})"
    view = look(index)
    view.page.evaluate(script)
    view.page.get_by_label("pictures only").check()
    view.page.wait_for_selector(".tile")
    expect(view.page.locator("#list img")).to_have_count(0)
    expect(view.page.locator("#list .no-picture")).to_have_count(4)


def test_a_script_in_the_page_may_not_run_and_nothing_may_be_fetched(
    one: Path, browser: Any
) -> None:
    """The page's policy holds where a browser opens it from the disk."""
    page = browser.new_page()
    page.goto(one.as_uri())
    page.wait_for_selector(".entry")
    told = page.evaluate(
        """async () => {
          const refused = [];
          addEventListener("securitypolicyviolation",
            (event) => refused.push(event.effectiveDirective));
          const script = document.createElement("script");
          script.textContent = "window.ran = true";
          document.body.append(script);
          const image = document.createElement("img");
          image.src = "https://example.org/x.png";
          document.body.append(image);
          await fetch("https://example.org/").catch(() => null);
          await new Promise((resolve) => { setTimeout(resolve, 50); });
          return [window.ran ?? false, refused.sort()];
        }"""
    )
    page.close()
    assert told == [False, ["connect-src", "img-src", "script-src-elem"]]


def test_no_script_makes_markup_of_text() -> None:
    for asset in (files("vsdkit.report") / "assets").iterdir():
        name, text = asset.name, asset.read_text(encoding="utf-8")
        assert not re.search(
            r"(inner|outer)HTML|insertAdjacent|document\.write|\beval\b|new Function|fetch\("
            r"|https?:(?!//www\.w3\.org/2000/svg)",
            text,
        ), name
        assert len(text.splitlines()) <= 400
        if name.endswith(".js"):
            assert text.startswith('"use strict";\n')


def test_without_pictures_the_boxes_are_drawn_on_what_they_reach(
    two: Path, look: Callable[..., Any]
) -> None:
    entry = look(two).page.locator(".entry").first
    expect(entry.locator("img")).to_have_count(0)
    expect(entry.locator(".box")).to_have_count(2)
    expect(entry.locator("figcaption")).to_contain_text("(outlines)")
    size = entry.locator(".box.subject .edge").bounding_box()
    assert min(size["width"], size["height"]) > 10
    page = entry.page
    page.get_by_label("pictures only").check()
    size = page.locator(".tile").first.locator(".frame").bounding_box()
    assert min(size["width"], size["height"]) > 50


def test_a_picture_that_is_missing_is_said_to_be(
    tmp_path: Path, write_page: Callable[..., Path], browser: Any
) -> None:
    index = write_page(tmp_path / "report", scenes=SCENES[:2])
    (index.parent / "thumbs/00000.jpg").unlink()
    page = browser.new_page()
    page.goto(index.as_uri())
    expect(page.locator(".entry").first).to_contain_text("thumbs/00000.jpg is missing")
    page.close()


@pytest.mark.parametrize("task", [1, 2, 3])
def test_a_page_of_one_task_has_that_task_only(
    tmp_path: Path, write_page: Callable[..., Path], look: Callable[..., Any], task: int
) -> None:
    view = look(write_page(tmp_path / "report", scenes=SCENES[:5], tasks=[task], pictures=False))
    view.page.wait_for_function(f"() => ({FOUND})() === 5")
    expect(view.page.locator(".entry").first.locator(".task")).to_have_count(1)
    assert view.page.locator("#overview").is_visible() == (task == 1)
    assert view.page.get_by_role("combobox", name="Answered", exact=True).is_visible() == (
        task == 1
    )


def test_answers_without_gold_are_shown(
    tmp_path: Path, write_page: Callable[..., Path], look: Callable[..., Any]
) -> None:
    view = look(write_page(tmp_path / "report", scenes=SCENES[:5], gold=False, pictures=False))
    view.page.wait_for_function(f"() => ({FOUND})() === 5")
    expect(
        view.page.locator(".entry").first.get_by_role("group", name="lora, task 2")
    ).to_contain_text("answered")
    expect(view.page.locator("#overview")).not_to_be_visible()


def test_a_reader_of_screens_finds_landmarks_names_and_places(
    two: Path, look: Callable[..., Any]
) -> None:
    page = look(two).page
    page.wait_for_function(f"() => ({FOUND})() >= 10")
    for role in ("banner", "main", "search", "complementary", "contentinfo", "feed"):
        expect(page.get_by_role(role)).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    controls = page.locator("button, select, input").all()
    nameless = [
        control.evaluate("element => element.outerHTML")
        for control in controls[:60]
        if not re.search(r'"[^"]', control.aria_snapshot()) and control.is_visible()
    ]
    assert nameless == []
    first = page.get_by_role("article").first
    assert [first.get_attribute(name) for name in ("aria-posinset", "aria-setsize")] == ["1", "40"]
    expect(page.locator("#count")).to_have_attribute("aria-live", "polite")
    # Each id once: labels point at one thing.
    assert page.evaluate(
        "[...document.querySelectorAll('[id]')].map((one) => one.id).length"
    ) == page.evaluate("new Set([...document.querySelectorAll('[id]')].map((one) => one.id)).size")


def test_a_folder_without_a_part_says_which(
    tmp_path: Path, write_page: Callable[..., Path], browser: Any
) -> None:
    index = write_page(tmp_path / "report", scenes=SCENES[:2], pictures=False)
    (part,) = (index.parent / "data").glob("entries-*.js")
    part.unlink()
    page = browser.new_page()
    page.goto(index.as_uri())
    expect(page.get_by_role("alert")).to_have_text(
        f"This page cannot be shown whole: data/{part.name} is missing beside index.html."
    )
    page.close()


def test_the_line_of_trouble_is_away_where_there_is_none(
    one: Path, look: Callable[..., Any]
) -> None:
    expect(look(one).page.locator("#trouble")).not_to_be_visible()


def test_without_javascript_a_line_says_so(one: Path, look: Callable[..., Any]) -> None:
    view = look(one, java_script_enabled=False, waits_for=None)
    expect(view.page.get_by_text("JavaScript is switched off")).to_be_visible()
    expect(view.page.locator("#filters")).not_to_be_visible()


def test_an_index_that_was_sent_alone_says_so(one: Path, tmp_path: Path, browser: Any) -> None:
    alone = tmp_path / "index.html"
    alone.write_bytes(one.read_bytes())
    page = browser.new_page()
    page.goto(alone.as_uri())
    expect(page.get_by_text("assets and data are not beside index.html")).to_be_visible()
    page.close()
