"""Java in a child process: PTB tokens, SPICE and METEOR, without a Java of the user's own."""

from __future__ import annotations

from collections.abc import Sequence

from vsdkit.jvm.fetch import fetch_spice_files
from vsdkit.jvm.files import (
    missing_files,
    spice_class_path,
    spice_folder,
    tuples_version,
)
from vsdkit.jvm.java import Java, JavaLimits
from vsdkit.jvm.meteor import Meteor, MeteorScore
from vsdkit.jvm.spice import (
    LONGEST_PARSED,
    SpiceCase,
    SpiceMatches,
    SpiceParts,
    SpiceWork,
    score_spice,
)

__all__ = [
    "LONGEST_PARSED",
    "Java",
    "JavaLimits",
    "Meteor",
    "MeteorScore",
    "SpiceCase",
    "SpiceMatches",
    "SpiceParts",
    "SpiceWork",
    "fetch_spice_files",
    "missing_files",
    "score_spice",
    "spice_class_path",
    "spice_folder",
    "tokenize",
    "tuples_version",
]


def tokenize(sentences: Sequence[str], *, limits: JavaLimits | None = None) -> list[list[str]]:
    """Return the PTB tokens of each sentence, lower-cased, punctuation dropped.

    The tokens are those of pycocoevalcap's ``PTBTokenizer`` (CoreNLP 3.4.1), but a line break
    inside a sentence shifts no other sentence. No network is needed. A Java is started for the
    call; many calls are better served by one ``Java`` and its ``tokenize``.

    Raises:
        MetricError: If Java cannot run.
    """
    with Java(limits=limits) as java:
        return java.tokenize(sentences)
