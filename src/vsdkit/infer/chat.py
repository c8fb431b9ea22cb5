"""``vsdkit infer --image FILE --chat``: questions about a picture, typed or from a pipe."""

from __future__ import annotations

import re
import shutil
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len

from vsdkit.data.json_text import decode_text
from vsdkit.errors import ConfigError, VsdkitError
from vsdkit.infer.describe import Describer, make_describer
from vsdkit.infer.interrupts import stoppable
from vsdkit.infer.one_image import answer_lines, check_save, describe_pair, read_pair
from vsdkit.reporting import Report, Table, printable

if TYPE_CHECKING:
    from vsdkit.model.dialogue import Dialogue
    from vsdkit.progress import Console
    from vsdkit.settings.infer import InferSettings

__all__ = ["ChatReport", "chat", "wrap"]

_PROMPT: Final = "> "
_HELP: Final = (
    "/image FILE  talk about another picture",
    "/reset       forget what was said",
    "/quit        leave; so does the end of input (Ctrl-D), and Ctrl-C at the prompt",
    "/help        this list",
    "Ctrl-C stops an answer that is being written, twice it leaves.",
)
# A line's end, blanks, or a word: what may be parted from its neighbours.
_PARTS: Final = re.compile(r"\n|[^\S\n]+|\S+")


@dataclass(frozen=True, slots=True)
class ChatReport(Report):
    """What was talked about; the answers themselves were printed as they came."""

    turns: int
    """Questions that were answered."""

    follows_results = True

    def to_dict(self) -> dict[str, Any]:
        """Return the count."""
        return asdict(self)

    def tables(self) -> list[Table]:
        """Return nothing: all was said."""
        return []


def chat(settings: InferSettings, console: Console) -> ChatReport:
    """Answer questions about ``settings.image`` until somebody leaves or the input ends.

    With a subject and an object in the settings the first turn is their description.

    Args:
        settings: The picture and the model.
        console: Where answers go.

    Raises:
        MissingInputError: If the picture or the model is not there.
        DataError: If the picture does not open, or the first pair's words or boxes are wrong.
        ConfigError: If one JSON document is wanted, or a setting of the model is wrong.
    """
    if console.as_json:
        raise ConfigError(
            "--chat is talk and no JSON document",
            where="--json",
            hint="leave one of them out, or send lines of JSON: vsdkit infer - --output -",
        )
    assert settings.image is not None
    check_save(settings)
    pair = None if settings.subject is None else read_pair(settings)
    terminal = _Terminal(console)
    describer = make_describer(settings, console)
    talk = _Talk(describer, terminal, describer.talk(settings.image))
    if pair is not None:
        report = describe_pair(describer, settings, *pair)
        terminal.say(
            "".join(f"{name}: {text}\n" for name, text in answer_lines(report.description))
        )
        # What was said at most length goes on as the first turn.
        row = pair.item[-1]
        talk.dialogue.note(describer.question(row), report.description.raw[row.task])
    terminal.note(f"{settings.image}: ask about it; /help lists what else there is")
    return ChatReport(talk.go_on())


class _Terminal:
    """Where questions come from and answers go: a person at a terminal, or pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_typed = sys.stdin.isatty()
        self._width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        self._column = 0
        if self._is_typed:
            # Arrow keys and history: ``input`` uses it where it is loaded.
            with suppress(ImportError):
                import readline  # noqa: F401

    def ask(self) -> str | None:
        """Return the next line; None at the end of input, or when Ctrl-C is pressed."""
        while True:
            try:
                return self._read()
            except UnicodeDecodeError:
                self.note("not UTF-8 text: it is passed over")
            except (EOFError, KeyboardInterrupt):
                if self._is_typed:
                    # The cursor stands behind the prompt.
                    self._console.put("\n")
                return None

    def _read(self) -> str:
        if self._is_typed and sys.stdout.isatty():
            return input(_PROMPT)
        if self._is_typed:
            # Answers go to a file: the prompt must not.
            sys.stderr.write(_PROMPT)
            sys.stderr.flush()
        content = sys.stdin.buffer.readline()
        if not content:
            raise EOFError
        return decode_text(content).removeprefix("\ufeff")

    def note(self, text: str) -> None:
        """Tell something that is no answer."""
        self._console.message(" ".join(printable(text).split()))

    def list(self, lines: tuple[str, ...]) -> None:
        """Tell several lines that are no answer."""
        for line in lines:
            self._console.message(line)

    def say(self, text: str) -> bool:
        """Print a piece of an answer; False once nobody reads any more."""
        shown = printable(text.replace("\t", " "))
        if self._width is not None:
            shown, self._column = wrap(shown, column=self._column, width=self._width)
        return self._console.put(shown)


def wrap(text: str, *, column: int, width: int) -> tuple[str, int]:
    r"""Return a piece of text with line ends put in, so that words stay whole at a width.

    Args:
        text: What follows on what was printed before.
        column: Cells that are taken in the line so far.
        width: Cells of a line.

    Returns:
        The text, and the cells that are taken in its last line.

    >>> wrap("the cup is on the desk", column=0, width=12)
    ('the cup is\non the desk', 11)
    """
    out: list[str] = []
    for part in _PARTS.findall(text):
        length = cell_len(part)
        if part == "\n":
            column = 0
        elif part.isspace():
            if not column:
                continue
            column += length
        elif column and column + length > width:
            # The blank before it, if it is of this piece, ends no line.
            if out and out[-1].isspace():
                out.pop()
            out.append("\n")
            column = length % width
        else:
            column = (column + length) % width if length > width else column + length
        out.append(part)
    return "".join(out), column


@dataclass
class _Talk:
    """A conversation at a terminal."""

    describer: Describer
    terminal: _Terminal
    dialogue: Dialogue
    answered: int = 0

    def go_on(self) -> int:
        """Answer line after line, and return how many questions were answered."""
        while (line := self.terminal.ask()) is not None:
            said = line.strip()
            command, _, rest = said.partition(" ")
            if command in ("/quit", "/exit"):
                break
            if command.startswith("/"):
                self._obey(command, rest.strip())
            elif said and not self._answer(said):
                break
        return self.answered

    def _obey(self, command: str, rest: str) -> None:
        if command == "/help":
            self.terminal.list(_HELP)
        elif command == "/reset":
            self.dialogue.begin_anew()
            self.terminal.note("a new conversation about the same picture")
        elif command == "/image" and rest:
            # A file that is dropped on a terminal comes with quotes.
            path = Path(rest.strip("'\"")).expanduser()
            try:
                self.dialogue = self.describer.talk(path)
                self.terminal.note(f"{path}: a new conversation")
            except VsdkitError as error:
                self.terminal.note(error.one_line())
        elif command == "/image":
            self.terminal.note("name a file: /image FILE")
        else:
            self.terminal.note(f"no such command: {command}; /help lists them")

    def _answer(self, question: str) -> bool:
        """Answer a question; False if nobody reads the answers, or wants any."""
        is_read = True

        begun = False

        def tell(piece: str) -> None:
            nonlocal begun, is_read
            # The blank that the conversation format has before an answer is none of it.
            shown = piece if begun else piece.lstrip()
            begun = begun or bool(shown)
            is_read = self.terminal.say(shown) and is_read

        turns = len(self.dialogue.turns)
        try:
            with stoppable() as is_stopped:
                answer = self.describer.ask(
                    self.dialogue,
                    question,
                    tell=tell,
                    is_stopped=lambda: is_stopped() or not is_read,
                )
        except VsdkitError as error:
            self.terminal.note(error.one_line())
            return True
        except KeyboardInterrupt:
            self.terminal.say("\n")
            return False
        self.answered += 1
        is_read = self.terminal.say("\n") and is_read
        if is_stopped():
            self.terminal.note("stopped")
        elif not answer.finished and is_read:
            self.terminal.note("cut off: the answer is longer than there is room for")
        if answer.text and len(self.dialogue.turns) == turns:
            self.terminal.note("this answer holds a special token: it is not kept as a turn")
        return is_read
