"""The process that holds pycocoevalcap's METEOR.

pycocoevalcap starts ``java`` from PATH and waits for it without a limit. Here PATH is this
process's own, and whoever started it may end it with the Java below it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from pycocoevalcap.meteor.meteor import Meteor

from vsdkit.jvm.child_process import Requests

__all__ = ["main"]


class _RecordingMeteor(Meteor):  # type: ignore[misc]
    """METEOR that keeps the statistics of each sentence; the original drops them."""

    def __init__(self) -> None:
        super().__init__()
        self.statistics: list[str] = []

    def _stat(self, hypothesis_str: str, reference_list: list[str]) -> str:
        line: str = super()._stat(hypothesis_str, reference_list)
        self.statistics.append(line)
        return line

    def score(self, hypotheses: Sequence[str], references: Sequence[list[str]]) -> dict[str, Any]:
        """Return METEOR of all sentences, of each, and the statistics of each."""
        self.statistics = []
        corpus, values = self.compute_score(
            dict(enumerate(references)), {i: [text] for i, text in enumerate(hypotheses)}
        )
        return {
            "corpus": corpus,
            "sentences": values,
            "statistics": [[float(one) for one in line.split()] for line in self.statistics],
        }

    def evaluate(self, sums: Sequence[Sequence[float]]) -> list[float]:
        """Return METEOR of each sum of statistics."""
        values = []
        for columns in sums:
            line = " ".join(str(value) for value in columns)
            self.meteor_p.stdin.write(f"EVAL ||| {line}\n".encode())
            self.meteor_p.stdin.flush()
            self.meteor_p.stdout.readline()
            values.append(float(self.meteor_p.stdout.readline()))
        return values


def main() -> None:
    """Serve until the parent is gone."""
    requests = Requests()
    meteor = _RecordingMeteor()
    for request in requests:
        try:
            value = (
                meteor.evaluate(request["sums"])
                if request["verb"] == "evaluate"
                else meteor.score(request["hypotheses"], request["references"])
            )
        except (ValueError, OSError) as error:
            # Java is gone or said something else than a number; what it said last tells why.
            meteor.meteor_p.kill()
            sys.stderr.buffer.write(meteor.meteor_p.stderr.read())
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)  # noqa: T201
            # pycocoevalcap waits at its end for a lock that it did not give back.
            os._exit(1)
        requests.answer(value)


if __name__ == "__main__":
    main()
