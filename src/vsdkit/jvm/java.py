"""One warm Java virtual machine in a child process, and what can be asked of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsdkit.data.cache import cache_folder
from vsdkit.jvm.child_process import ChildProcess
from vsdkit.jvm.files import java_library, tokenizer_jar

__all__ = ["Java", "JavaLimits"]

_SIGKILL = 9
# Options of the user's other Java programs; they would change memory and results.
_FOREIGN_VARIABLES = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH")


@dataclass(frozen=True)
class JavaLimits:
    """How much Java may take."""

    memory_mib: int = 3072
    """Largest heap, in MiB."""
    timeout_s: float = 600.0
    """Longest time for one request, in seconds."""


class Java(ChildProcess):
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
        limits = limits or JavaLimits()
        self._memory_mib = limits.memory_mib
        start: dict[str, Any] = {
            "library": str(java_library()),
            "arguments": self._arguments(),
            "class_path": [str(path) for path in class_path],
            "tokenizer_jar": str(tokenizer_jar()),
        }
        super().__init__(
            "vsdkit.jvm.java_server",
            name="Java",
            environment={
                key: value for key, value in os.environ.items() if key not in _FOREIGN_VARIABLES
            },
            timeout_s=limits.timeout_s,
        )
        try:
            self.version = str(self.ask("start", **start))
        except BaseException:
            self.close()
            raise

    def tokenize(self, sentences: Sequence[str]) -> list[list[str]]:
        """Return the PTB tokens of each sentence, lower-cased, punctuation dropped.

        Raises:
            MetricError: If Java reports an error, takes too long, or its process ends.
        """
        distinct = list(dict.fromkeys(sentences))
        tokens = dict(zip(distinct, self.ask("tokenize", sentences=distinct), strict=True))
        return [list(tokens[sentence]) for sentence in sentences]

    def hint_at_end(self, code: int | None, last_lines: list[str]) -> str:
        """Return what a user can do about a Java that has ended."""
        if any("OutOfMemoryError" in line for line in last_lines):
            return (
                f"raise java_memory_mib (now {self._memory_mib}) in a file given by "
                "--config; sentences parsed so far are kept"
            )
        hint = "run the same command again: sentences parsed so far are kept"
        if code == -_SIGKILL:
            return f"the system may have run out of memory; {hint}"
        return hint

    def _arguments(self) -> list[str]:
        return [
            f"-Xmx{self._memory_mib}m",
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
