"""What is packed is unpacked by the page's own script, to the letter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vsdkit.report.page import Page, assets_named
from vsdkit.report.predictions.answered import Answered
from vsdkit.report.predictions.details import detail_pieces
from vsdkit.report.predictions.entries import entries_of, entry_columns, sorts_of
from vsdkit.report.predictions.packing import pack_details, pack_entries
from vsdkit.report.predictions.pictures import Pictures

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.java

NOTHING = Pictures({}, {}, "")


@pytest.fixture(scope="module")
def pieces(odd: Answered) -> dict[str, Any]:
    """Return what a page holds, as the scripts are to get it."""
    entries = entries_of(odd.rows)
    columns = entry_columns(entries, odd, sorts_of(odd), NOTHING)
    return {"entries": columns, **dict(detail_pieces(entries, odd))}


def as_json(value: Any) -> Any:
    """Return a value as it is after its way through JSON: no tuples."""
    return json.loads(json.dumps(value))


def test_the_page_gets_every_entry_and_every_detail_as_it_was(
    browser: Browser, pieces: dict[str, Any], tmp_path: Path
) -> None:
    page = Page(tmp_path / "report")
    page.add_data("summary", {"systems": []})
    page.add_data("entries", pack_entries(pieces["entries"]))
    for name in pieces.keys() - {"entries"}:
        page.add_data(name, pack_details(pieces[name]))
    index = page.finish("predictions.html", title="packed", assets=assets_named("predictions"))
    tab = browser.new_page()
    tab.goto(index.as_uri())
    for name, plain in pieces.items():
        found = tab.evaluate("async (name) => JSON.stringify(await vsdkit.load(name))", arg=name)
        assert json.loads(found) == as_json(plain), name


def test_what_is_not_packed_is_handed_on_as_it_is(browser: Browser, tmp_path: Path) -> None:
    page = Page(tmp_path / "report")
    for name, value in {"summary": {}, "entries": {"id": ["1"]}, "details-000": [{"a": 1}]}.items():
        page.add_data(name, value)
    index = page.finish("predictions.html", title="plain", assets=assets_named("predictions"))
    tab = browser.new_page()
    tab.goto(index.as_uri())
    found = tab.evaluate(
        "async () => [await vsdkit.load('entries'), await vsdkit.load('details-000')]"
    )
    assert found == [{"id": ["1"]}, [{"a": 1}]]


def test_equal_sentences_and_their_tuples_stand_once(pieces: dict[str, Any]) -> None:
    packed = pack_details(pieces["details-000"])
    two, three = (packed["systems"][0][task] for task in ("2", "3"))
    # What the item's reference says is a number; a sentence of task 2 that comes again, too.
    assert two["answer"][0] == 0
    assert three["answer"][0] == [0, "a cup in a table", 0]
    assert three["graphs"][0][0] == three["graphs"][0][2] == 0


def test_words_of_tuples_are_letters_of_their_sentence() -> None:
    tuples = [["cup"], ["cup", "red"], ["cup", "to left of", "table"], ["cup", "be in", "pile"]]
    answer = {
        "answer": "The red cup is to the left of a Table.",
        "tuples": [[words, "m"] for words in tuples],
        "missing": [],
    }
    packed = pack_details([{"references": {}, "systems": [{"2": answer}]}])
    # the A, red B, cup C, is D, to E, left F, of G, a H, table I; "be" and "pile" stand there.
    assert packed["systems"][0]["2"]["graphs"] == [["C;C,B;C,EFG,I;C,'be in,'pile"]]
    assert packed["systems"][0]["2"]["matched"] == [["1111"]]


def test_tuples_with_the_marks_of_packing_in_them_are_written_out() -> None:
    tuples = [["a,b"], ["cup", "x;y"]]
    answer = {
        "answer": "cup a,b",
        "tuples": [[words, "x"] for words in tuples],
        "missing": [["a;"]],
    }
    packed = pack_details([{"references": {"2": ["cup"]}, "systems": [{"2": answer}]}])
    assert packed["systems"][0]["2"]["graphs"] == [[tuples]]
    assert packed["systems"][0]["2"]["lost"] == [[["a;"]]]
