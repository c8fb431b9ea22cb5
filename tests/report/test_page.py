"""The folder of a report: whole or not at all, and nobody else's files."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from vsdkit.errors import ConfigError, VsdkitError
from vsdkit.report.page import Page, assets_named, digest_name, pack, readable


def finish(page: Page, title: str = "a title") -> Path:
    return page.finish("base.html", title=title)


def unpack(text: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(text)))


def test_a_page_names_its_data_and_loads_its_own_scripts_alone(tmp_path: Path) -> None:
    page = Page(tmp_path / "report")
    page.add_data("rows", [1, "zwei"])
    text = finish(page).read_text()
    (data,) = (tmp_path / "report" / "data").iterdir()
    assert f"data/{data.name}" in text
    assert re.fullmatch(r'vsdkit\.take\("rows", "[A-Za-z0-9+/=]+"\);\n', data.read_text())
    sources = re.findall(r'(?:src|href)="(?!data:)([^"#]+)"', text)
    assert sources
    assert all((tmp_path / "report" / source).is_file() for source in sources)
    assert "://" not in re.sub(r'content="[^"]*"', "", text)


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2.5, None, True]},
        "</script><script>alert(1)</script>\u2028\u2029\0",
        "half \ud83d",
        [10**30, -(10**25)],
        ("a", ["b"]),
    ],
)
def test_any_value_is_packed_into_letters_and_back(value: Any) -> None:
    packed = pack(value)
    assert re.fullmatch(r"[A-Za-z0-9+/=]*", packed)
    assert unpack(packed) == json.loads(json.dumps(value))


def test_the_same_data_are_the_same_bytes() -> None:
    assert pack({"a": "b" * 1000}) == pack({"a": "b" * 1000})


def test_a_title_is_text(tmp_path: Path) -> None:
    text = finish(Page(tmp_path / "report"), "</title><script>alert(1)</script>").read_text()
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text


def test_an_older_page_s_files_go_when_the_new_page_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    page = Page(folder)
    page.add_data("rows", "old")
    (folder / "thumbs").mkdir()
    for name in ("picture-0123456789ab.jpg", "picture-ba9876543210.jpg", "mine.jpg"):
        (folder / "thumbs" / name).write_bytes(b"x")
    finish(page)
    before = {path.name for path in (folder / "data").iterdir()}
    assert not (folder / "thumbs" / "picture-0123456789ab.jpg").exists()
    page = Page(folder)
    page.add_data("rows", "new")
    (folder / "thumbs" / "picture-0123456789ab.jpg").write_bytes(b"x")
    page.keep("thumbs/picture-0123456789ab.jpg")
    # Until index.html is replaced the old page is whole.
    assert before < {path.name for path in (folder / "data").iterdir()}
    finish(page)
    assert before.isdisjoint(path.name for path in (folder / "data").iterdir())
    assert sorted(path.name for path in (folder / "thumbs").iterdir()) == [
        "mine.jpg",
        "picture-0123456789ab.jpg",
    ]


def test_bytes_are_counted_by_piece(tmp_path: Path) -> None:
    page = Page(tmp_path / "report")
    for name in ("summary", "details-000", "details-001"):
        page.add_data(name, name * 100)
    finish(page)
    sizes = page.count_bytes()
    assert list(sizes) == ["summary", "details", "index.html", "assets"]
    whole = sum(path.stat().st_size for path in (tmp_path / "report").rglob("*") if path.is_file())
    assert sum(sizes.values()) == whole


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "thesis.js").write_text("mine")
    with pytest.raises(ConfigError, match="holds something that is no report"):
        Page(folder)
    (folder / "data" / "thesis.js").rename(folder / "index.html")
    with pytest.raises(ConfigError, match="holds something that is no report"):
        Page(folder)


def test_a_file_in_the_folder_s_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="not a folder"):
        Page(tmp_path / "file")
    with pytest.raises(VsdkitError, match="cannot write"):
        Page(tmp_path / "file" / "report")


def test_what_an_interrupted_report_left_is_gone_on_from(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    Page(folder).add_data("rows", 1)
    (folder / "thumbs").mkdir()
    (folder / "thumbs" / ".picture-0123456789ab.jpg.x1.part").write_bytes(b"torn")
    assert not (folder / "index.html").exists()
    finish(Page(folder))
    assert not list((folder / "thumbs").iterdir())


def test_assets_of_a_kind_end_with_the_script_that_starts() -> None:
    names = assets_named("predictions")
    assert "predictions-unpack.js" in names
    assert [name for name in names if name.endswith(".js")][-1] == "predictions.js"
    assert "page.css" not in names


def test_names_of_files_are_made_readable() -> None:
    assert readable("pr\udce9ds.jsonl") == "pr\ufffdds.jsonl"
    assert digest_name("a.b.js", "f" * 64) == f"a.b-{'f' * 12}.js"
