"""A child process that answers: one JSON object a line in, one out. Both ends of the pipe.

Before its answer the child may say how far it is: lines with ``done``, the number of parts.

What runs Java may crash, hang or fill its memory, and then ends alone; the parent gets an error
with the last lines that were said. The child ends itself as soon as its parent is gone.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, Self

import orjson

from vsdkit.errors import MetricError

__all__ = ["ChildProcess", "Requests"]

# A Java that dies says why in about five lines; a traceback of Python's has ten.
_LAST_LINES = 12
_SECONDS_TO_END = 5


def _ignore(done: int) -> None:
    """Take how much is done, and do nothing with it."""


class ChildProcess(ABC):
    """A Python module that runs in a child process; use it in a ``with``.

    Args:
        module: The module's name; it answers by ``Requests``.
        name: What messages call the process.
        environment: Its variables.
        timeout_s: Longest time for one request, in seconds.
    """

    def __init__(
        self, module: str, *, name: str, environment: Mapping[str, str], timeout_s: float
    ) -> None:
        self._name = name
        self._timeout_s = timeout_s
        self._last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        # -P: a module in the current folder must not hide one of Python's. A session of its own:
        # Ctrl-C is the parent's to handle, and what the child starts can be ended with it.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,
        )
        self._threads = [
            threading.Thread(target=self._read_answers, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._read_errors, args=(self._process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def process_id(self) -> int:
        """Return the number of the child process."""
        return self._process.pid

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the child process."""
        self.close()

    def close(self) -> None:
        """End the child process and what it started; nothing there must be saved."""
        self._kill()
        self._wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert stream is not None
            try:
                stream.close()
            except OSError:
                # What was not sent to a process that is gone is of no use any more.
                continue

    def ask(self, verb: str, *, on_done: Callable[[int], None] = _ignore, **fields: Any) -> Any:
        """Return the answer of the child process.

        Args:
            verb: What is asked for.
            on_done: Is told how many parts of the work are done, each time that some are.
            **fields: What the verb takes.

        Raises:
            MetricError: If it reports an error, takes too long, or its process ends.
        """
        assert self._process.stdin is not None
        if self._process.stdin.closed:
            raise self._ended()
        try:
            self._process.stdin.write(orjson.dumps({"verb": verb, **fields}) + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise self._ended() from error
        # The limit is on the whole request: parts that are done do not make it longer.
        deadline = time.monotonic() + self._timeout_s
        answer = self._next_line(verb, deadline)
        while "done" in answer:
            on_done(answer["done"])
            answer = self._next_line(verb, deadline)
        if "error" in answer:
            raise MetricError(f"{self._name} reports: {answer['error']}", where=verb)
        return answer["value"]

    @abstractmethod
    def hint_at_end(self, code: int | None, last_lines: list[str]) -> str:
        """Return what a user can do about a process that has ended.

        Args:
            code: Its exit code, or a signal's number below zero.
            last_lines: What it said last.
        """

    def _next_line(self, verb: str, deadline: float) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=max(0, deadline - time.monotonic()))
        except queue.Empty as error:
            self.close()
            raise MetricError(
                f"{self._name} gave no answer within {self._timeout_s:g} s",
                where=verb,
                hint="raise java_timeout_s in a file given by --config",
            ) from error
        if line is None:
            raise self._ended()
        found: dict[str, Any] = orjson.loads(line)
        return found

    def _ended(self) -> MetricError:
        self._wait()
        code = self._process.returncode
        lines = list(self._last_lines)
        last = "\n    ".join(lines) or "(it said nothing)"
        ended = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return MetricError(
            f"{self._name}'s process ended with {ended}; it last said:\n    {last}",
            hint=self.hint_at_end(code, lines),
        )

    def _wait(self) -> None:
        self._process.wait(_SECONDS_TO_END)
        for thread in self._threads:
            thread.join(_SECONDS_TO_END)

    def _kill(self) -> None:
        if os.name != "posix":
            self._process.kill()
            return
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            # It has ended; of such a group some systems say that it is not ours.
            return

    def _read_answers(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._answers.put(line)
        self._answers.put(None)

    def _read_errors(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._last_lines.append(line.decode(errors="replace").rstrip())


class Requests:
    """The child's end: the requests as they come in, and the way back.

    Whatever else the process prints goes to stderr. It ends when its parent is gone, in the
    middle of a request too.
    """

    def __init__(self) -> None:
        # Where there are no sessions Ctrl-C reaches the child as well; the parent decides.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._answers = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(sys.stdin.buffer,), daemon=True).start()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield each request; it does not end."""
        while True:
            yield self._waiting.get()

    def answer(self, value: Any) -> None:
        """Answer the last request."""
        self._write({"value": value})

    def tell_done(self, parts: int) -> None:
        """Say that so many further parts of the last request are done."""
        self._write({"done": parts})

    def refuse(self, error: Exception) -> None:
        """Report an error in place of an answer."""
        self._write({"error": f"{type(error).__name__}: {error}"})

    def _read(self, stream: IO[bytes]) -> None:
        # A thread of its own, so that the end of the parent is noticed in the middle of a parse.
        for line in stream:
            self._waiting.put(orjson.loads(line))
        os._exit(0)

    def _write(self, answer: dict[str, Any]) -> None:
        self._answers.write(orjson.dumps(answer) + b"\n")
        self._answers.flush()
