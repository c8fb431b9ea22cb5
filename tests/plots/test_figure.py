"""What all plots share: user's text, bytes, files."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from vsdkit.errors import VsdkitError
from vsdkit.plots.figure import STYLES, Inches, add_legend, plain, write_figure, write_png

SIZE = Inches(4, 3)


class Heard:
    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


def _draw(*names: str) -> object:
    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        lines = [axes.plot([0, 1], [0, 1])[0] for _ in names]
        axes.set_title(plain(names[0]))
        axes.set_yticks([0], [plain(names[0])])
        add_legend(figure, lines, names)

    return draw


def _texts(path: Path) -> list[str]:
    root = ElementTree.parse(path).getroot()
    return [
        "".join(node.itertext()).strip() for node in root.iter("{http://www.w3.org/2000/svg}text")
    ]


@pytest.mark.parametrize(
    "name", [r"$\bad{x$", "$x$", "_hidden", "a & <b>", "50 %", "{0}", "\\n", "模型 ü", "𝄞 🙂"]
)
def test_a_name_stands_in_the_plot_letter_by_letter(name: str, tmp_path: Path) -> None:
    write_figure(tmp_path, "plot", _draw(name, "b"), inches=SIZE, listener=Heard())  # type: ignore[arg-type]
    # In title, tick and legend.
    assert _texts(tmp_path / "plot.svg").count(name) == 3


@pytest.mark.parametrize(
    "name", ["a\x00\x1b[31mb", "half \udcff letter", "line\nbreak\r", "\x7f", ""]
)
def test_a_name_that_svg_cannot_hold_is_drawn_without_it(name: str, tmp_path: Path) -> None:
    write_figure(tmp_path, "plot", _draw(name), inches=SIZE, listener=Heard())  # type: ignore[arg-type]
    assert plain(name) in _texts(tmp_path / "plot.svg")
    assert plain(name).isprintable()


def test_a_long_name_keeps_both_ends_in_two_lines() -> None:
    name = f"runs/first-{'x' * 200}-last/preds.jsonl"
    lines = plain(name).split("\n")
    assert len(lines) == 2
    assert all(len(line) <= 40 for line in lines)
    assert lines[0].startswith("runs/first-")
    assert lines[1].endswith("-last/preds.jsonl")
    words = plain(" ".join(["word"] * 60))
    assert len(words.split("\n")) == 2


def test_one_plot_has_the_same_bytes_whatever_this_machine_prefers(tmp_path: Path) -> None:
    for folder, wishes in (("a", {}), ("b", {"font.size": 30.0, "svg.fonttype": "path"})):
        with mpl.rc_context(wishes):
            write_figure(
                tmp_path / folder,
                "plot",
                _draw("a"),
                inches=SIZE,
                listener=Heard(),  # type: ignore[arg-type]
            )
    for kind in ("svg", "png"):
        first, second = (tmp_path / folder / f"plot.{kind}" for folder in "ab")
        assert first.read_bytes() == second.read_bytes()
    assert b"<dc:date>" not in (tmp_path / "a" / "plot.svg").read_bytes()
    assert mpl.rcParams["text.parse_math"] is True


def test_both_files_are_told_and_nothing_else_is_left(tmp_path: Path) -> None:
    heard = Heard()
    write_figure(tmp_path / "new" / "folder", "plot", _draw("a"), inches=SIZE, listener=heard)  # type: ignore[arg-type]
    written = [tmp_path / "new" / "folder" / f"plot.{kind}" for kind in ("svg", "png")]
    assert heard.messages == [f"wrote {path}" for path in written]
    assert sorted((tmp_path / "new" / "folder").iterdir()) == sorted(written)
    assert written[1].read_bytes().startswith(b"\x89PNG")


def test_a_place_that_is_none_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "plot.png").mkdir()
    with pytest.raises(VsdkitError, match="cannot write: File exists") as found:
        write_png(tmp_path / "file" / "a.png", _draw("a"), inches=SIZE)  # type: ignore[arg-type]
    assert found.value.hint == "name another place, or make room"
    with pytest.raises(VsdkitError, match="cannot write: not a file"):
        write_png(tmp_path / "plot.png", _draw("a"), inches=SIZE)  # type: ignore[arg-type]


def test_no_two_styles_differ_in_colour_alone() -> None:
    assert len({style.colour for style in STYLES}) == len(STYLES)
    assert len({(str(style.line), style.marker) for style in STYLES}) == len(STYLES)
    # Black and blue are plain both, and far apart in grey.
    assert len({style.hatch for style in STYLES[:-1]}) == len(STYLES) - 1


def test_a_legend_of_many_names_stays_within_the_figure() -> None:
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    lines = [axes.plot([0, 1])[0] for _ in range(7)]
    add_legend(figure, lines, [f"system number {number}" for number in range(7)])
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.width
    assert 0 <= box.y0 < box.y1 <= figure.bbox.height
