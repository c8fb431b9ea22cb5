"""What a command prints: tables that fit, JSON that is JSON, and a stdout that takes it or not."""

from __future__ import annotations

import errno
import io
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from vsdkit.cli.output import Output
from vsdkit.errors import ConfigError, DataError, VsdkitError
from vsdkit.reporting import Report, Table

COLUMNS = ("relation", "count", "share", "most often instead")
ROWS = [("in front of", 1234, 0.5, "next to (10)"), ("on", 7, None, "")]


@dataclass(frozen=True)
class Shown(Report):
    """A report of given parts."""

    parts: Sequence[Table] = ()
    lines: Sequence[str] = ()
    document: Mapping[str, object] = field(default_factory=dict)
    failures: Sequence[VsdkitError] = ()

    def to_dict(self) -> dict[str, object]:
        return dict(self.document)

    def tables(self) -> Sequence[Table]:
        return self.parts

    def notes(self) -> Sequence[str]:
        return self.lines


class Terminal(io.TextIOWrapper):
    """A terminal's stdout."""

    def isatty(self) -> bool:
        return True


class Full(io.BytesIO):
    """A file on a full disk."""

    def write(self, content: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def printed(
    monkeypatch: pytest.MonkeyPatch, width: int, *tables: Table, notes: Sequence[str] = ()
) -> list[str]:
    stream = Terminal(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    Output().show(Shown(tables, notes))
    stream.seek(0)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", stream.read())
    return [line.rstrip() for line in plain.splitlines()]


def test_a_table_that_fits_is_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    head, _, first, second = printed(monkeypatch, 80, Table(COLUMNS, ROWS))
    assert head.split() == ["relation", "count", "share", "most", "often", "instead"]
    assert first.split("  ")[0] == "in front of"
    assert "1,234  0.5000  next to (10)" in first
    assert second.split() == ["on", "7", "n/a"]


@pytest.mark.parametrize("width", [80, 45, 36])
def test_no_word_or_number_is_cut(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    lines = printed(monkeypatch, width, Table(COLUMNS, ROWS))
    assert all(len(line) <= width for line in lines)
    words = " ".join(lines).split()
    assert {"relation", "instead", "1,234", "0.5000", "front", "(10)"} <= set(words)


def test_what_is_too_wide_for_a_table_becomes_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(monkeypatch, 31, Table(COLUMNS, ROWS))
    assert [line.split("  ")[0] for line in lines[1:5]] == list(COLUMNS)
    assert lines[1].endswith("in front of")
    assert lines[2].endswith("1,234")


def test_title_notes_and_further_tables_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(
        monkeypatch,
        60,
        Table(("a",), [(1,)], "first"),
        Table(("b",), [(2,)], "second"),
        notes=["a note"],
    )
    assert [line for line in lines if line.strip("─")] == [
        *("first", "a", "1", "a note"),
        *("second", "b", "2"),
    ]


def test_an_answer_cannot_command_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(monkeypatch, 60, Table(("answer",), [("a \x1b[31mred\x07 cup",)]))
    assert lines[-1] == "a \ufffd[31mred\ufffd cup"


def test_json_is_utf8_whatever_the_terminal_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    Output(as_json=True).show(Shown(document={"name": "café"}))
    assert json.loads(stream.buffer.getvalue()) == {"name": "café"}  # type: ignore[attr-defined]


def test_a_full_disk_under_stdout_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(Full(), encoding="utf-8"))
    with pytest.raises(VsdkitError, match="the result cannot be printed: No space left"):
        Output(as_json=True).show(Shown(document={"name": 1}))


def _text(stream: io.TextIOWrapper) -> str:
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined]


def test_pieces_of_a_result_are_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stdout, stderr = (Terminal(io.BytesIO(), encoding="utf-8") for _ in range(2))
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setattr(sys, "stderr", stderr)
    for as_json in (False, True):
        out = Output(as_json=as_json)
        before = sys.stdout
        assert out.as_json is as_json
        assert out.put("caf\xe9 ")
        assert out.put(b"bytes\n")
        # Between two pieces, what libraries print is a message as before.
        assert sys.stdout is before
        monkeypatch.setattr(sys, "stdout", stdout)
    assert _text(stdout) == "caf\xe9 bytes\n" * 2


def test_a_report_that_follows_its_results_goes_to_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Following(Shown):
        follows_results = True

    report = Following([Table(("lines",), [(3,)])], document={"lines": 3})
    for flags, told in (({}, "lines"), ({"as_json": True}, '"lines": 3'), ({"quiet": True}, "")):
        stdout, stderr = (Terminal(io.BytesIO(), encoding="utf-8") for _ in range(2))
        monkeypatch.setattr(sys, "stdout", stdout)
        monkeypatch.setattr(sys, "stderr", stderr)
        Output(**flags).show(report)
        assert _text(stdout) == ""
        assert told in _text(stderr)
        assert bool(_text(stderr)) is bool(told)


def test_a_failure_is_raised_when_everything_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    failures = (DataError("the first"), ConfigError("the second"))
    with pytest.raises(DataError, match="the first"):
        Output(as_json=True).show(Shown(document={"name": 1}, failures=failures))
    assert json.loads(stream.buffer.getvalue()) == {"name": 1}  # type: ignore[attr-defined]
