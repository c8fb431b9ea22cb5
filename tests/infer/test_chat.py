"""Talk about a picture: from a pipe, in a terminal of 80 columns, and with Ctrl-C."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import select
import shutil
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsdkit.errors import ConfigError
from vsdkit.infer.chat import ChatReport, chat, wrap
from vsdkit.infer.describe import Describer
from vsdkit.model.dialogue import Dialogue
from vsdkit.settings.infer import InferSettings


class Console:
    """A console that keeps what it is given."""

    as_json = False

    def __init__(self, readable: int = 10_000) -> None:
        self.said, self.messages = "", list[str]()
        self.left = readable

    def message(self, text: str) -> None:
        self.messages.append(text)

    def track(self, description: str, *, total: int | None) -> Any:
        raise AssertionError("nothing here takes long")

    def put(self, content: bytes | str) -> bool:
        assert isinstance(content, str)
        self.said += content
        self.left -= 1
        return self.left > 0


Talk = Callable[..., tuple[Console, ChatReport]]


@pytest.fixture
def talk(
    describer: Describer, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Console, ChatReport]]:
    """Return a function that has lines from a pipe answered about the photograph."""
    monkeypatch.setattr("vsdkit.infer.chat.make_describer", lambda *_: describer)
    monkeypatch.setattr("vsdkit.model.dialogue.MAX_ANSWER", 24)

    def run(
        *lines: str | bytes, console: Console | None = None, **settings: Any
    ) -> tuple[Console, ChatReport]:
        content = b"".join(
            line if isinstance(line, bytes) else f"{line}\n".encode() for line in lines
        )
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        console = console or Console()
        report = chat(InferSettings(image=photo, chat=True, **settings), console)
        return console, report

    return run


def replies(describer: Describer, photo: Path, *questions: str) -> list[str]:
    dialogue = describer.talk(photo)
    return [dialogue.ask(question).text for question in questions]


QUESTIONS = ("What is the red box to the blue ball?", "And where is the ball?")


def test_each_line_of_a_pipe_is_answered_on_a_line_and_nothing_else_is_printed(
    talk: Talk, describer: Describer, photo: Path
) -> None:
    console, report = talk(QUESTIONS[0], "", "  ", QUESTIONS[1])
    assert console.said.split("\n") == [*replies(describer, photo, *QUESTIONS), ""]
    assert report.turns == 2
    assert report.follows_results
    assert list(report.tables()) == []


def test_earlier_turns_are_part_of_the_prompt_until_they_are_forgotten(
    talk: Talk, describer: Describer, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, list[tuple[str, str]]]] = []
    ask = Dialogue.ask

    def note(self: Dialogue, question: str, **more: Any) -> Any:
        asked.append((question, list(self.turns)))
        return ask(self, question, **more)

    monkeypatch.setattr(Dialogue, "ask", note)
    console, _ = talk("one?", "two?", "/reset", "three?", f"/image {photo}", "four?")
    answers = console.said.split("\n")
    assert asked == [
        ("one?", []),
        ("two?", [("one?", answers[0])]),
        ("three?", []),
        ("four?", []),
    ]
    assert "a new conversation about the same picture" in console.messages


def test_with_a_pair_the_first_turn_is_its_description(
    talk: Talk, describer: Describer, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[list[tuple[str, str]]] = []
    monkeypatch.setattr(Dialogue, "ask", lambda self, *_, **__: turns.append(self.turns) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        talk("and now?", subject="red box", object="blue ball")
    said = describer.describe(photo, "red box", "blue ball")
    ((question, answer),) = turns[0]
    assert answer == said.raw[3]
    assert "red box" in question


def test_a_description_is_printed_before_the_first_question(
    talk: Talk, describer: Describer, photo: Path
) -> None:
    console, report = talk(subject="red box", object="blue ball")
    said = describer.describe(photo, "red box", "blue ball")
    assert said.probabilities is not None
    chance = said.probabilities[said.relation or ""]
    assert console.said.startswith(f"relation: {said.relation} ({chance:.3f})\nsentence: ")
    assert report.turns == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("is </s> ok?", "must not hold <image> or </s>"),
        ("a <s> of what?", "special token"),
        ("long " * 9000, "the model has positions for"),
        ("/image nowhere.jpg", "no such picture (nowhere.jpg)"),
        ("/image", "name a file: /image FILE"),
        ("/nonsense at all", "no such command: /nonsense"),
        (b"caf\xe9?\n", "not UTF-8 text"),
    ],
)
def test_what_cannot_be_answered_is_one_line_and_the_talk_goes_on(
    talk: Talk, describer: Describer, photo: Path, line: Any, message: str
) -> None:
    console, report = talk(QUESTIONS[0], line, QUESTIONS[1])
    (told,) = [one for one in console.messages if message in one]
    assert "\n" not in told
    # And the conversation is as if nothing had been said.
    assert console.said.split("\n")[:2] == replies(describer, photo, *QUESTIONS)
    assert report.turns == 2


def test_help_is_told_and_quit_leaves(talk: Talk) -> None:
    console, report = talk("/help", "/quit", "never asked")
    assert any("/image FILE" in line for line in console.messages)
    assert all(len(line) <= 80 for line in console.messages[1:])
    assert (console.said, report.turns) == ("", 0)


def test_a_picture_may_have_blanks_and_quotes_around_it(
    talk: Talk, photo: Path, tmp_path: Path
) -> None:
    shutil.copy(photo, tmp_path / "my photo.png")
    console, _ = talk(f"/image '{tmp_path}/my photo.png'", f"/image  {tmp_path}/my photo.png ")
    assert [one.endswith("a new conversation") for one in console.messages[1:]] == [True, True]


def test_talk_ends_when_nobody_reads_it(talk: Talk) -> None:
    _, report = talk("one?", "two?", "three?", console=Console(readable=2))
    assert report.turns == 1


def test_talk_is_no_document(photo: Path) -> None:
    console = Console()
    console.as_json = True
    with pytest.raises(ConfigError, match="--chat is talk and no JSON document"):
        chat(InferSettings(image=photo, chat=True), console)


def test_an_answer_that_holds_a_special_token_is_told_not_to_be_kept(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Dialogue, "note", lambda *_: None)
    console, _ = talk("what?")
    assert console.messages[-1] == "this answer holds a special token: it is not kept as a turn"


def test_memory_that_is_full_ends_the_answer_and_not_the_talk(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Dialogue, "ask", full)
    console, report = talk("one?", "two?")
    told = [one for one in console.messages if "memory does not hold this conversation" in one]
    assert (len(told), report.turns) == (2, 0)


def test_what_a_terminal_would_obey_is_not_printed(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def say(self: Dialogue, question: str, *, tell: Any, is_stopped: Any) -> Any:
        from vsdkit.model.generation import Generated

        tell(" a\x1b[31mred\tcup\n")
        self.note(question, "x")
        return Generated("x", True)

    monkeypatch.setattr(Dialogue, "ask", say)
    console, _ = talk("what?")
    assert console.said == "a\ufffd[31mred cup\n\n"


def test_words_stay_whole_at_the_edge() -> None:
    out, column = "", 0
    for piece in ("The red ", "box is ", "behind the\n", "ball ", "x" * 15, " and so"):
        shown, column = wrap(piece, column=column, width=12)
        out += shown
    assert [line.rstrip() for line in out.split("\n")] == [
        "The red box",
        "is behind",
        "the",
        "ball",
        "x" * 15 + " and so",
    ]
    # Cells and not characters: these take two each.
    assert wrap("一二三 四五六", column=0, width=8) == ("一二三\n四五六", 6)


@given(st.lists(st.text("ab \n", max_size=12), max_size=6), st.integers(4, 20))
def test_nothing_is_lost_but_blanks(pieces: list[str], width: int) -> None:
    out, column = "", 0
    for piece in pieces:
        shown, column = wrap(piece, column=column, width=width)
        out += shown
    assert re.sub(r"\s", "", out) == re.sub(r"\s", "", "".join(pieces))


class Terminal:
    """The command in a terminal of 80 columns."""

    def __init__(self, photo: Path, folder: Path) -> None:
        words = ["infer", "--image", str(photo), "--chat", "--base", "tiny"]
        # The tiny base has learnt to stop; without that its answers are long enough to be stopped.
        program = (
            "import vsdkit.model.dialogue as d, vsdkit.model.generation as g, sys\n"
            "d.stop_id = lambda loaded, _: int(loaded.tokenizer.bos_token_id)\n"
            "d.MAX_ANSWER = 20 if 'short' in sys.argv.pop() else 3000\n"
            "from vsdkit.__main__ import main\nmain()\n"
        )
        self.process, self.number = pty.fork()
        if not self.process:
            os.chdir(folder)
            environment = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TERM": "dumb"}
            mode = ["--image-mode", "single", folder.name]
            arguments = [sys.executable, "-c", program, *words, *mode]
            os.execve(sys.executable, arguments, os.environ | environment)
        fcntl.ioctl(self.number, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.shown = ""

    def wait_for(self, mark: str, *, seconds: float = 60) -> str:
        """Return what is shown up to a mark."""
        end = time.monotonic() + seconds
        while mark not in self.shown:
            assert time.monotonic() < end, f"{mark!r} is not in {self.shown!r}"
            if select.select([self.number], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self.number, 4096).decode(errors="replace")
                except OSError as error:
                    raise AssertionError(f"ended: {self.shown!r}") from error
        before, _, self.shown = self.shown.partition(mark)
        return before

    def type(self, text: str) -> None:
        os.write(self.number, text.encode())

    def leave(self, key: str, *, seconds: float = 60) -> int:
        """Press a key until the command ends, and return its exit code."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            # Once more each time: a key that is pressed while readline prepares the terminal is
            # lost to it.
            self.type(key)
            for _ in range(150):
                ended, status = os.waitpid(self.process, os.WNOHANG)
                if ended:
                    return os.waitstatus_to_exitcode(status)
                time.sleep(0.1)
        os.kill(self.process, signal.SIGKILL)
        raise AssertionError(f"did not leave: {self.shown!r}")


@pytest.fixture
def terminal(photo: Path, tmp_path: Path, request: Any) -> Iterator[Terminal]:
    folder = tmp_path / request.param
    folder.mkdir()
    made = Terminal(photo, folder)
    yield made
    os.close(made.number)


@pytest.mark.slow
@pytest.mark.parametrize("terminal", ["short"], indirect=True)
def test_a_terminal_has_a_prompt_and_lines_of_80_columns(terminal: Terminal) -> None:
    terminal.wait_for("\r\n> ")
    terminal.type("where is it?\n")
    shown = terminal.wait_for("\r\n> ")
    assert shown.startswith("where is it?\r\n")
    assert all(len(line) <= 80 for line in shown.split("\r\n"))
    # The end of input, typed: it leaves.
    assert terminal.leave("\x04") == 0


@pytest.mark.slow
@pytest.mark.parametrize("terminal", ["long"], indirect=True)
def test_ctrl_c_stops_an_answer_under_way_and_leaves_at_the_prompt(terminal: Terminal) -> None:
    terminal.wait_for("\r\n> ")
    terminal.type("where is it?\n")
    # The first words of an answer of thousands.
    terminal.wait_for("where is it?\r\n")
    terminal.wait_for(" ")
    terminal.type("\x03")
    assert "stopped\r\n" in terminal.wait_for("> ")
    terminal.type("/help\n")
    terminal.wait_for("Ctrl-C stops an answer")
    terminal.wait_for("> ")
    assert terminal.leave("\x03") == 0
