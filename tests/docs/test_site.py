"""The documentation: what its check finds, what is generated, and what it says of the project."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from vsdkit.settings.commands import COMMANDS

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


def _script(name: str) -> Any:
    """Return what a script of scripts/ defines; scripts import each other by their names."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        return SimpleNamespace(**runpy.run_path(str(ROOT / "scripts" / f"{name}.py")))
    finally:
        sys.path.remove(str(ROOT / "scripts"))


CHECK = _script("docs_check")
PAGES = _script("docs_pages")
LLMS = _script("write_llms_txt")


# --- the check of a built site


def _site(folder: Path, body: str, **others: str) -> list[str]:
    files = {"index.html": f"<h1 id='top'>Home</h1>{body}", "404.html": "", **others}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    pages = [path.relative_to(folder).as_posix() for path in folder.rglob("*.html")]
    named = [page.replace(".html", ".md") for page in pages if page != "404.html"]
    found = CHECK.check_site(folder, named)
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<a href='gone.html'>x</a>", "index.html:1: gone.html: no such file"),
        ("<a href='#gone'>x</a>", "index.html:1: #gone: no such anchor"),
        ("<a href='index.html#gone'>x</a>", "index.html:1: index.html#gone: no such anchor"),
        ("\n<img src='gone.png'>", "index.html:2: gone.png: no such file"),
        ("<img srcset='index.html 1x, gone.png 2x'>", "index.html:1: gone.png: no such file"),
        ("<a href='api/'>x</a>", "index.html:1: api/: no such file"),
        (
            "<link href='https://fonts.googleapis.com/css'>",
            "index.html:1: https://fonts.googleapis.com/css: fetched from the network",
        ),
        (
            "<script src='//unpkg.com/mathjax'></script>",
            "index.html:1: //unpkg.com/mathjax: fetched from the network",
        ),
        (
            "<p style='background: url(https://a.example/b.png)'>",
            "index.html:1: https://a.example/b.png: fetched from the network",
        ),
        (
            "<style>@import 'https://a.example/b.css';</style>",
            "index.html:1: https://a.example/b.css: fetched from the network",
        ),
        (
            "<pre class='mermaid'>graph</pre>",
            "index.html: class 'mermaid' makes the theme fetch a library from the network",
        ),
    ],
)
def test_a_fault_of_a_page_is_found_with_its_line(tmp_path: Path, body: str, fault: str) -> None:
    assert _site(tmp_path, body) == [fault]


def test_what_leads_somewhere_is_no_fault(tmp_path: Path) -> None:
    body = (
        "<a href='https://example.org/'>out</a> <a href='mailto:a@b.c'>mail</a>"
        "<a href='#top'>up</a> <a href='api/score.html#vsdkit.score.score'>score</a>"
        "<img src='data:image/png;base64,AA=='>"
        "<a href='a%20b.html#sch%C3%B6n'>encoded</a> <a href='?q=on'>query</a>"
    )
    found = _site(
        tmp_path,
        body,
        **{
            "api/score.html": "<h2 id='vsdkit.score.score'></h2><a href='../index.html'>up</a>",
            "a b.html": "<a name='schön'></a>",
            "404.html": "<a href='/index.html'>home</a>",
        },
    )
    assert found == []


def test_a_style_sheet_may_fetch_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("@font-face { src: url('https://a.example/f.woff2'); }")
    assert _site(tmp_path, "") == ["a.css: https://a.example/f.woff2: fetched from the network"]


def test_pages_and_navigation_are_the_same(tmp_path: Path) -> None:
    for name in ("index.html", "lost.html", "404.html"):
        (tmp_path / name).write_text("")
    assert CHECK.check_site(tmp_path, ["index.md", "api/score.md"]) == [
        "lost.html: in no navigation: name it in mkdocs.yml",
        "api/score.html: in the navigation, but not built",
    ]


@pytest.mark.parametrize(
    ("markdown", "html", "told"),
    [
        ("a\n\n- b\n", "<p>a</p><ul><li>b</li></ul>", []),
        ("a\n- b\n", "<p>a\n- b</p>", ["page.md: on GitHub and in the site: 1 and 0 li"]),
    ],
)
def test_a_page_that_github_reads_otherwise_is_told(
    tmp_path: Path, markdown: str, html: str, told: list[str]
) -> None:
    (tmp_path / "page.md").write_text(markdown)
    # What stands around the article is the theme's.
    (tmp_path / "page.html").write_text(f"<ul><li></ul><article>{html}</article><table></table>")
    assert CHECK.check_markdown(tmp_path / "page.md", tmp_path / "page.html") == told


# --- pages


@pytest.mark.parametrize(
    ("text", "source", "place", "moved"),
    [
        ("[a](../CONTRIBUTING.md#tests)", "docs/a.md", "a.md", "[a](contributing.md#tests)"),
        ("[a](docs/formats.md)", "CHANGELOG.md", "changelog.md", "[a](formats.md)"),
        ("[a](robotics.md) [b](#c)", "docs/api.md", "api/index.md", "[a](../robotics.md) [b](#c)"),
        ("![a](docs/b.png)", "README.md", "index.md", "![a](b.png)"),
        ("[a](api.md)", "docs/index.md", "index.md", "[a](api/index.md)"),
        ("[a](https://b.c/d.md)", "docs/a.md", "a.md", "[a](https://b.c/d.md)"),
        # No page of the site: the build fails on it.
        ("[a](../src/vsdkit/errors.py)", "docs/a.md", "a.md", "[a](../src/vsdkit/errors.py)"),
    ],
)
def test_links_lead_to_the_same_page_from_its_place_in_the_site(
    text: str, source: str, place: str, moved: str
) -> None:
    assert PAGES.move_links(text, source=ROOT / source, place=place) == moved


def test_the_navigation_names_every_page_once() -> None:
    named = [PAGES.source_of(page.path) for page in PAGES.nav_pages()]
    assert len(named) == len(set(named))
    assert {path for path in named if path.parent == ROOT / "docs"} == set(
        (ROOT / "docs").glob("*.md")
    )
    assert all(path.is_file() for path in named)


def test_every_command_has_a_page_and_every_page_tells_what_it_is() -> None:
    pages = {page.path: page for page in PAGES.api_pages()}
    assert {f"api/{command.verb}.md" for command in COMMANDS.values()} < set(pages)
    assert {"api/load.md", "api/spice.md", "api/errors.md"} < set(pages)
    assert all(page.summary.endswith(".") for page in pages.values())
    assert "::: vsdkit.score.report.ScoreReport\n" in pages["api/score.md"].text
    # A module has the function's name.
    assert "::: vsdkit.metrics.overall.overall\n" in pages["api/metrics.md"].text
    assert "::: vsdkit.progress.SILENT\n" in pages["api/progress.md"].text
    table = PAGES.api_tables(list(pages.values()))
    links = [Path(path).name for path in pages]
    assert re.findall(r"\]\((.+?)\)", table) == links
    assert re.findall(r"\]\((.+?)\)", PAGES.api_nav(list(pages.values()))) == ["index.md", *links]


@pytest.fixture(scope="module")
def library() -> Any:
    """``vsdkit`` as the site's pages show it."""
    import griffe

    extension = str(ROOT / "scripts" / "griffe_vsdkit.py")
    return griffe.load(
        "vsdkit",
        search_paths=[ROOT / "src"],
        docstring_parser="google",
        extensions=griffe.load_extensions("dataclasses", extension),
    )


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_verb_has_its_settings_as_keywords(library: Any, command: Any) -> None:
    verb = library[command.package.removeprefix("vsdkit.")][command.verb]
    names = [parameter.name for parameter in verb.parameters]
    assert names == [*command.load_settings().model_fields, "listener"]
    (told,) = (part.value for part in verb.docstring.parsed if part.kind.value == "parameters")
    assert [parameter.name for parameter in told] == names
    assert all(parameter.description for parameter in told)


def test_types_and_defaults_of_a_verb_are_as_they_are_typed(library: Any) -> None:
    shown = {
        one.name: (one.annotation, one.default) for one in library["score"]["score"].parameters
    }
    assert shown["preds"] == ("tuple[Path, ...]", "['preds.jsonl']")
    assert shown["coco"] == ("Path | None", "None")
    assert shown["reading"] == ("Literal['paper', 'coco']", "'paper'")
    assert shown["listener"] == ("Listener", "")


def test_fields_are_a_list_and_no_members(library: Any) -> None:
    box = library["data.records.Box"]
    (fields,) = (part.value for part in box.docstring.parsed if part.kind.value == "attributes")
    assert [field.name for field in fields] == ["y_min", "y_max", "x_min", "x_max"]
    assert fields[0].description == "Upper edge."
    assert set(box.members) == {"width", "height", "centre", "corners"}
    # Told in the class, typed where it is made.
    error = library["errors.VsdkitError"]
    (told,) = (part.value for part in error.docstring.parsed if part.kind.value == "parameters")
    assert [str(parameter.annotation) for parameter in told] == ["str", "str", "str"]


def test_an_example_is_code_in_markdown(library: Any) -> None:
    assert "```pycon\n>>> fill(" in library["conversation.fill"].docstring.value


# --- what programs read


def test_llms_txt_is_what_the_navigation_says() -> None:
    text = (ROOT / "docs" / "llms.txt").read_text(encoding="utf-8")
    assert text == LLMS.generate(), "run make docs"


def test_llms_txt_has_the_form_of_the_field() -> None:
    lines = (ROOT / "docs" / "llms.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# vsdkit"
    assert lines[2].startswith("> vsdkit ")
    links = [line for line in lines[3:] if line and not line.startswith("## ")]
    for line in links:
        link = re.fullmatch(r"- \[[^]]+\]\((\S+?)\): \S.*", line)
        assert link is not None, line
        assert (ROOT / "docs" / link[1]).is_file(), line


def test_agents_md_is_short_and_names_what_there_is() -> None:
    text = (ROOT / "AGENTS.md").read_text(encoding="utf-8")
    assert text.count("\n") <= 80
    links = re.findall(r"\]\((\S+?)\)", text)
    paths = re.findall(r"\b(?:src|tests|scripts|docs)/[\w./-]*\w", text)
    assert "docs/architecture.md" in links
    for path in (*links, *paths):
        assert (ROOT / path).exists(), path
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in re.findall(r"\bmake (\w+)", text):
        assert re.search(rf"^{word}:", makefile, flags=re.MULTILINE), word
    # Typed, not told of: at the start of a line of code, or in backquotes.
    commands = set(re.findall(r"(?:^|`)vsdkit ([a-z][a-z-]*)", text, flags=re.MULTILINE))
    assert {"score", "finetune"} <= commands <= set(COMMANDS)


def test_the_drawing_has_the_layers_that_the_test_of_imports_has() -> None:
    layers = runpy.run_path(str(ROOT / "tests" / "test_architecture.py"))["LAYERS"]
    drawing = ElementTree.parse(ROOT / "docs" / "images" / "architecture.svg")
    drawn = [
        text.text.split() for text in drawing.iter(f"{SVG}text") if text.get("class") == "layer"
    ]
    named = [[unit for unit in layer if not unit.startswith("__")] for layer in layers]
    # The command line stands on top.
    assert drawn[::-1] == [layer for layer in named if layer]


def test_the_drawing_names_every_command_of_the_pipeline() -> None:
    drawing = ElementTree.parse(ROOT / "docs" / "images" / "architecture.svg")
    texts = [text.text for text in drawing.iter(f"{SVG}text") if text.get("class") == "command"]
    drawn = {name for text in texts for name in text.split(", ")}
    assert drawn >= {"build-instructions", "finetune", "infer", "diversify", "score", "ablate"}
    assert drawn <= {*COMMANDS, "report"}


# --- the front page


def _personas() -> dict[str, str]:
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    head, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    assert "```sh\npip install vsdkit\n```" in head
    return dict(section.split("\n", 1) for section in sections)


@pytest.mark.parametrize("persona", _personas())
def test_a_persona_has_a_first_result_in_two_commands_and_a_page_to_go_on(persona: str) -> None:
    section = _personas()[persona]
    (code,) = re.findall(r"^```(?:sh|python)\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    # With pip install two commands; the paper's two are for those who have it installed.
    assert len(re.findall(r"^vsdkit ", code, re.MULTILINE)) <= 2
    (link,) = re.findall(r"\]\((\S+?)\)", section)
    assert link in {page.path for page in PAGES.nav_pages()}
