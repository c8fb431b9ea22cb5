"""Lines are taken as soon as they are there, whatever comes behind them."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsdkit.infer import lines as module
from vsdkit.infer.lines import Line, Lines


class Pipe:
    """A pipe whose writing end a test holds."""

    def __init__(self) -> None:
        reading, self.writing = os.pipe()
        self.stream: BinaryIO = os.fdopen(reading, "rb")
        self.lines = Lines(self.stream)

    def write(self, content: bytes) -> None:
        os.write(self.writing, content)

    def end(self) -> None:
        if self.writing >= 0:
            os.close(self.writing)
        self.writing = -1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.end()
    made.stream.close()


def everything(lines: Lines) -> list[Line]:
    return list(iter(lines.take, None))


def test_a_line_is_taken_though_the_stream_goes_on(pipe: Pipe) -> None:
    # Nothing more is written, and nothing ends: what waited for a full buffer would wait for ever.
    pipe.write(b"first\nsec")
    assert pipe.lines.take() == Line(1, b"first")
    assert pipe.lines.take_waiting() is None
    pipe.write(b"ond\n\nfourth")
    assert pipe.lines.take_waiting() == Line(2, b"second")
    assert pipe.lines.take() == Line(3, b"")
    assert pipe.lines.take_waiting() is None
    pipe.end()
    assert pipe.lines.take() == Line(4, b"fourth")
    assert pipe.lines.take() is None
    assert pipe.lines.take_waiting() is None


def test_a_line_that_is_too_long_is_passed_over_and_not_kept(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_LINE", 10)
    pipe.write(b"short\n" + 11 * b"x" + b"\nnext\n" + 25 * b"y")
    assert pipe.lines.take() == Line(1, b"short")
    assert pipe.lines.take() == Line(2, b"", is_too_long=True)
    assert pipe.lines.take() == Line(3, b"next")
    for _ in range(4):
        pipe.write(25 * b"y")
        assert pipe.lines.take_waiting() is None
    assert len(pipe.lines._held) == 0
    pipe.write(b"y\nlast\n")
    assert pipe.lines.take() == Line(4, b"", is_too_long=True)
    assert pipe.lines.take() == Line(5, b"last")
    pipe.write(50 * b"z")
    pipe.end()
    assert everything(pipe.lines) == [Line(6, b"", is_too_long=True)]


@given(
    st.lists(st.binary(max_size=6).map(lambda line: line.replace(b"\n", b"")), max_size=8),
    st.booleans(),
    st.integers(1, 9),
)
def test_lines_are_those_of_the_whole_however_they_come(
    contents: list[bytes], ends: bool, piece: int
) -> None:
    whole = b"".join(line + b"\n" for line in contents)
    if contents and contents[-1] and not ends:
        whole = whole[:-1]

    class Slow(io.BytesIO):
        def read(self, _: Any = -1, /) -> bytes:
            return super().read(piece)

    for stream in (io.BytesIO(whole), Slow(whole)):
        taken = everything(Lines(stream))
        assert [line.content for line in taken] == contents
        assert [line.number for line in taken] == list(range(1, len(contents) + 1))
