"""One warm Java virtual machine in a child process, and what can be asked of it."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import orjson

from vsdkit.errors import MetricError
from vsdkit.jvm.files import cache_folder, java_library, tokenizer_jar

__all__ = ["Java", "JavaLimits"]

_LAST_LINES = 12
_SECONDS_TO_END = 5
_SIGKILL = 9
# Options of the user's other Java programs; they would change memory and results.
_FOREIGN_VARIABLES = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH")


@dataclass(frozen=True)
class JavaLimits:
    """How much Java may take.

    Args:
        memory_mib: Largest heap, in MiB.
        timeout_s: Longest time for one request, in seconds.
    """

    memory_mib: int = 3072
    timeout_s: float = 600.0


class Java:
    """A Java virtual machine in a child process; use it in a ``with``.

    Args:
        class_path: Jars beyond the tokeniser's, as ``spice_class_path()``.
        limits: Memory and time.

    Raises:
        MetricError: If Java cannot start.
    """

    def __init__(
        self, class_path: Sequence[Path] = (), *, limits: JavaLimits | None = None
    ) -> None:
        self._limits = limits or JavaLimits()
        self._last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        start = {
            "library": str(java_library()),
            "arguments": self._arguments(),
            "class_path": [str(path) for path in class_path],
            "tokenizer_jar": str(tokenizer_jar()),
        }
        # -P: a module in the current folder must not hide one of Python's.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "vsdkit.jvm.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={key: value for key, value in os.environ.items() if key not in _FOREIGN_VARIABLES},
        )
        self._threads = [
            threading.Thread(target=self._read_answers, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._read_errors, args=(self._process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        try:
            self.version = str(self._exchange(start))
        except BaseException:
            self.close()
            raise

    @property
    def process_id(self) -> int:
        """Return the number of the child process."""
        return self._process.pid

    def __enter__(self) -> Java:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the child process."""
        self.close()

    def close(self) -> None:
        """End the child process; it has nothing that must be saved."""
        self._process.kill()
        self._process.wait(_SECONDS_TO_END)
        for thread in self._threads:
            thread.join(_SECONDS_TO_END)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                _close_quietly(stream)

    def tokenize(self, sentences: Sequence[str]) -> list[list[str]]:
        """Return the PTB tokens of each sentence, lower-cased, punctuation dropped.

        Raises:
            MetricError: If Java reports an error, takes too long, or its process ends.
        """
        distinct = list(dict.fromkeys(sentences))
        tokens = dict(zip(distinct, self.ask("tokenize", sentences=distinct), strict=True))
        return [list(tokens[sentence]) for sentence in sentences]

    def ask(self, verb: str, **fields: Any) -> Any:
        """Return the answer of the child process.

        Raises:
            MetricError: If Java reports an error, takes too long, or its process ends.
        """
        return self._exchange({"verb": verb, **fields})

    def _exchange(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(orjson.dumps(request) + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise self._ended() from error
        try:
            line = self._answers.get(timeout=self._limits.timeout_s)
        except queue.Empty as error:
            self.close()
            raise MetricError(
                f"Java gave no answer within {self._limits.timeout_s:g} s",
                where=request.get("verb", "start of Java"),
                hint="raise java_timeout_s in a file given by --config",
            ) from error
        if line is None:
            raise self._ended()
        answer = orjson.loads(line)
        if "error" in answer:
            raise MetricError(f"Java reports: {answer['error']}", where=request["verb"])
        return answer["value"]

    def _ended(self) -> MetricError:
        self._process.wait(_SECONDS_TO_END)
        for thread in self._threads:
            thread.join(_SECONDS_TO_END)
        hint = "run the same command again: sentences parsed so far are kept"
        if self._process.returncode == -_SIGKILL:
            hint = f"the system may have run out of memory; {hint}"
        last = "\n    ".join(self._last_lines) or "(it said nothing)"
        if any("OutOfMemoryError" in line for line in self._last_lines):
            hint = (
                f"raise java_memory_mib (now {self._limits.memory_mib}) in a file given by "
                "--config; sentences parsed so far are kept"
            )
        return MetricError(
            f"Java's process ended with {_exit_text(self._process.returncode)}; it last said:\n"
            f"    {last}",
            hint=hint,
        )

    def _read_answers(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._answers.put(line)
        self._answers.put(None)

    def _read_errors(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._last_lines.append(line.decode(errors="replace").rstrip())

    def _arguments(self) -> list[str]:
        return [
            f"-Xmx{self._limits.memory_mib}m",
            # There is little garbage: as fast as the parallel collector, in half of its memory.
            "-XX:+UseSerialGC",
            # A few methods take nearly all of the time; compiling others costs more than it saves.
            "-XX:CompileThresholdScaling=4",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:-UsePerfData",
            f"-XX:ErrorFile={cache_folder()}/java_error_%p.log",
            "-Xrs",
            "-Dfile.encoding=UTF-8",
            # Under a Turkish locale Java would make another letter of a capital I.
            "-Duser.language=en",
            "-Duser.country=US",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "--enable-native-access=ALL-UNNAMED",
        ]


def _exit_text(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def _close_quietly(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except OSError:
        # What was not sent to a process that is gone is of no use any more.
        return
