"""The page of instruction rows, from a file to its words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import GoldRow, InstructionRow
from vsdkit.errors import ConfigError, DataError, MissingInputError
from vsdkit.report import report
from vsdkit.report.written import WrittenReport

MakeRows = Callable[..., list[InstructionRow]]


@pytest.fixture
def rows_file(tmp_path: Path, make_rows: MakeRows) -> Path:
    path = tmp_path / "rows.jsonl"
    write_rows(path, [row.to_dict() for item in ("7", "8") for row in make_rows(item)])
    return path


def _text(written: WrittenReport) -> str:
    """Return the words of a page."""
    page = re.sub(r"<[^>]*>", " ", written.page.read_text(encoding="utf-8"))
    return " ".join(unescape(page).split())


def test_a_page_tells_what_would_be_trained_on(
    rows_file: Path, tmp_path: Path, pictures: Path, gold_row: GoldRow
) -> None:
    write_rows(tmp_path / "gold.jsonl", [gold_row.to_dict()])
    written = report(
        inputs=[rows_file],
        gold=[tmp_path / "gold.jsonl"],
        images=[pictures],
        base="tiny",
        output=tmp_path / "page",
    )
    text = _text(written)
    made = json.loads((tmp_path / "page" / "run.json").read_text())
    assert list(made["inputs"]) == [str(rows_file), str(tmp_path / "gold.jsonl")]
    assert written.counts["rows"] == 6
    assert written.counts["pictures_without_files"] == 1
    assert "1 of 2 pictures, with 3 rows; training would stop there" in text
    assert "8.png 3 not found" in text
    assert "to the left of 1 1 100.0 %" in text
    assert "3 rows are about items that are not in gold" in text
    assert "Lengths in tokens" in text
    assert "No template is noted beside the rows" in text
    assert "6 random rows as the model sees them" in text
    html = written.page.read_text()
    assert html.count("<mark>") == 1 + 6
    assert re.search(r"<mark> ?on</s>", unescape(html))
    assert len(list((tmp_path / "page" / "thumbs").iterdir())) == 1
    assert 'class="subject" x="50" y="10" width="20" height="20"' in html


def test_without_gold_pictures_and_tokenizer_the_page_says_so(
    rows_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    written = report(inputs=[rows_file], output=tmp_path / "page")
    text = _text(written)
    assert "Lengths in words" in text
    assert "nothing was fetched" in text
    assert "Not looked for" in text
    assert "Not compared: boxes stand in gold" in text
    # The paper's base at high resolution, an image of 480 x 640.
    assert "<image> x 2,340" in text
    assert len(written.remarks) == 3


def test_the_template_that_is_noted_is_looked_for_first(rows_file: Path, tmp_path: Path) -> None:
    note = {"template_text": "name: mine\nquestions: {1: [What.], 2: [Say it.], 3: [Say three.]}\n"
            "answers: {1: '{R}', 2: '{v1_caption}', 3: '{T1}'}\n"}  # fmt: skip
    (tmp_path / "rows.jsonl.run.json").write_text(json.dumps(note))
    text = _text(report(inputs=[rows_file], base="tiny", output=tmp_path / "page"))
    assert "The rows' run.json notes the template mine." in text
    assert "paper 2 100.0 %" in text


@pytest.mark.parametrize("form", ["jsonl", "json"])
def test_markup_in_rows_is_text(
    form: str, tmp_path: Path, make_rows: MakeRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    evil = "<script>alert(1)</script>"
    rows = [
        replace(row, question=f"{evil} {at}", answer=f"on {evil}", id=f"{evil}{at}",
                image=f"../../{evil}.png").to_dict()
        for at, row in enumerate(make_rows())
    ]  # fmt: skip
    path = tmp_path / f"rows.{form}"
    path.write_text("\n".join(map(json.dumps, rows)) if form == "jsonl" else json.dumps(rows))
    written = report(inputs=[path], images=[tmp_path], base="tiny", output=tmp_path / "page")
    assert evil not in written.page.read_text()
    assert "alert(1)" in _text(written)
    assert "leads out of its folder" in _text(written)


def test_a_row_that_training_refuses_is_told_with_the_reason(
    tmp_path: Path, make_rows: MakeRows
) -> None:
    rows = make_rows()
    rows[0] = replace(rows[0], answer="on</s>")
    write_rows(tmp_path / "rows.jsonl", [row.to_dict() for row in rows])
    text = _text(report(inputs=[tmp_path / "rows.jsonl"], base="tiny", output=tmp_path / "page"))
    assert "Training would refuse this row: a question or answer must not hold" in text


def test_a_wrong_row_is_one_error_with_its_line(rows_file: Path, tmp_path: Path) -> None:
    with rows_file.open("a") as file:
        file.write('{"id":"9-task1","image":"9.png","task":1,"conversations":[]}\n')
    with pytest.raises(DataError, match="one turn from 'human'") as caught:
        report(inputs=[rows_file], base="tiny", output=tmp_path / "page")
    assert "rows.jsonl:7" in caught.value.where
    assert not (tmp_path / "page" / "index.html").exists()


def test_gold_that_is_named_must_be_there(rows_file: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        report(inputs=[rows_file], gold=[tmp_path / "no.jsonl"], output=tmp_path / "page")


def test_several_files_are_refused(rows_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="about one file of instruction rows"):
        report(inputs=[rows_file, rows_file.parent / "rows.jsonl"], output=tmp_path / "page")
