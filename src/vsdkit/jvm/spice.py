"""SPICE: each distinct sentence parsed once, F from the published program's own classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from vsdkit.data.cache import cache_folder
from vsdkit.errors import MetricError
from vsdkit.jvm.files import tuples_version
from vsdkit.jvm.java import Java
from vsdkit.jvm.store import Tuples, TupleStore
from vsdkit.progress import SILENT, Listener

__all__ = [
    "LONGEST_PARSED",
    "MatchedTuple",
    "SpiceCase",
    "SpiceMatches",
    "SpiceParts",
    "SpiceWork",
    "score_spice",
]

# Sentences of one request: on the disk when it ends, about a second's work of two cores.
_BATCH = 200
# Cases of one request: their sentences' tuples are some MB of JSON.
_CASES_A_REQUEST = 20_000
# Time of a parse grows with the cube of the length, memory with the square: from here on one
# sentence at a time. Captions have about ten words; a model that repeats itself may have 150.
_LONG_WORDS = 40
LONGEST_PARSED = 100
"""Words of the longest sentence that is parsed; a longer one says nothing, so its SPICE is 0.

A parse of 100 words takes ten seconds, of 200 a minute, of 300 more memory than there is: one
answer that does not end would cost a file its SPICE. Captions of VSD have up to 40 words.
"""


SpiceParts = Mapping[str, Mapping[str, float | None]]
"""Scores of a case as the published program writes them.

Of ``All`` and of each kind of tuple (``Object``, ``Attribute``, ``Relation``, ``Cardinality``,
``Color``, ``Size``): ``tp``, ``fp``, ``fn``, ``pr``, ``re``, ``f`` (0 to 1) and ``numImages``.
``pr``, ``re`` and ``f`` are None where the references have no tuple of that kind.
"""


class SpiceCase(NamedTuple):
    """A sentence and the references it is held against."""

    sentence: str
    """Its tokens, joined by blanks."""
    references: tuple[str, ...]
    """The same of each reference; of several the tuples are merged into one graph."""

    @classmethod
    def alone(cls, sentence: str, references: Sequence[str]) -> list[SpiceCase]:
        """Return a sentence with each of its references alone, of which the best may count."""
        return [cls(sentence, (reference,)) for reference in references]


class MatchedTuple(NamedTuple):
    """A tuple of a scene graph, and whether the other side has one like it."""

    words: tuple[str, ...]
    """An object; an object and its attribute; or two objects and between them their relation. Words
    that mean the same and were merged into one are parted by slashes."""
    matched: bool
    """What SPICE found, by its synonyms: words need not be the same."""


class SpiceMatches(NamedTuple):
    """The tuples of a case, on both sides."""

    said: tuple[MatchedTuple, ...]
    """The sentence's: those that did not match are made up."""
    known: tuple[MatchedTuple, ...]
    """The references', merged: those that did not match are missing."""


class SpiceWork:
    """SPICE of many cases: what was parsed before is looked up at once, the rest is Java's work.

    Args:
        cases: What is scored; the same case costs nothing twice.
        listener: Who hears of progress, and of sentences that are not parsed.
    """

    def __init__(self, cases: Iterable[SpiceCase], *, listener: Listener = SILENT) -> None:
        self._cases = list(dict.fromkeys(cases))
        self._listener = listener
        texts = dict.fromkeys(text for case in self._cases for text in _sentences(case))
        too_long = [text for text in texts if text.count(" ") >= LONGEST_PARSED]
        if too_long:
            listener.message(
                f"warning: {len(too_long):,} sentences of more than {LONGEST_PARSED} words are not "
                f"parsed, so their SPICE is 0; the first: {too_long[0][:60]}..."
            )
        # A sentence without words says nothing, as in the published program.
        self._tuples: dict[str, Tuples] = {text: [] for text in ("", *too_long)}
        with self._open_store() as store:
            self._tuples |= store.get([text for text in texts if text not in self._tuples])
        self._missing = [text for text in texts if text not in self._tuples]

    def score(self, java: Java) -> dict[SpiceCase, float]:
        """Return SPICE's F of each case, 0 to 100; see ``score_spice``."""
        found = self._evaluate(java, "evaluate", self._cases)
        return {case: 100 * value for case, value in found}

    def parts(self, java: Java, cases: Iterable[SpiceCase]) -> dict[SpiceCase, SpiceParts]:
        """Return what the published program says of each kind of tuple.

        Args:
            java: Java with SPICE's classes.
            cases: Some of those that this work is of.

        Raises:
            MetricError: If Java fails or takes too long.
        """
        return dict(self._evaluate(java, "evaluate_parts", list(dict.fromkeys(cases))))

    def matches(self, java: Java, cases: Iterable[SpiceCase]) -> dict[SpiceCase, SpiceMatches]:
        """Return which tuples of each case matched, as the published program tells in detail.

        Args:
            java: Java with SPICE's classes.
            cases: Some of those that this work is of.

        Raises:
            MetricError: If Java fails or takes too long.
        """
        found = self._evaluate(java, "match", list(dict.fromkeys(cases)))
        return {
            case: SpiceMatches(*(tuple(map(_matched, side)) for side in sides))
            for case, sides in found
        }

    def _evaluate(
        self, java: Java, verb: str, cases: Sequence[SpiceCase]
    ) -> Iterator[tuple[SpiceCase, Any]]:
        if self._missing:
            self._parse_missing(java)
        for start in range(0, len(cases), _CASES_A_REQUEST):
            chunk = cases[start : start + _CASES_A_REQUEST]
            yield from zip(chunk, _ask(java, verb, chunk, self._tuples), strict=True)

    def _parse_missing(self, java: Java) -> None:
        progress = self._listener.track("parsing sentences for SPICE", total=len(self._missing))
        with self._open_store() as store, progress as tracker:
            for batch in _batches(self._missing):
                parsed = _parse(java, batch, tracker.advance)
                store.put(parsed)
                self._tuples.update(parsed)
        self._missing = []

    def _open_store(self) -> TupleStore:
        path = cache_folder() / "parsed_sentences.sqlite"
        return TupleStore(path, version=tuples_version(), listener=self._listener)


def score_spice(
    java: Java, cases: Sequence[SpiceCase], *, listener: Listener = SILENT
) -> list[float]:
    """Return SPICE's F of each case, 0 to 100.

    F can pass 100 in rare cases: true positives are counted on the sentence's side, and two of
    its tuples may match one of the references. Sentences of more than ``LONGEST_PARSED`` words
    are not parsed, which is told.

    Raises:
        MetricError: If Java fails or takes too long.

    Source:
        Anderson et al. 2016, spice-1.0.jar; the same numbers bit for bit.
    """
    scores = SpiceWork(cases, listener=listener).score(java)
    return [scores[case] for case in cases]


def _matched(told: tuple[list[str], bool]) -> MatchedTuple:
    words, matched = told
    return MatchedTuple(tuple(words), matched)


def _sentences(case: SpiceCase) -> tuple[str, ...]:
    return (case.sentence, *case.references)


def _batches(sentences: Sequence[str]) -> Iterator[list[str]]:
    short = [sentence for sentence in sentences if sentence.count(" ") < _LONG_WORDS]
    for start in range(0, len(short), _BATCH):
        yield short[start : start + _BATCH]
    for sentence in sentences:
        if sentence.count(" ") >= _LONG_WORDS:
            yield [sentence]


def _parse(java: Java, batch: list[str], on_done: Callable[[int], None]) -> dict[str, Tuples]:
    try:
        parsed: list[Tuples] = java.ask("parse", sentences=batch, on_done=on_done)
    except MetricError as error:
        words = batch[0].count(" ") + 1
        if words <= _LONG_WORDS:
            raise
        raise MetricError(
            error.message, where=f"a sentence of {words} words: {batch[0][:60]}", hint=error.hint
        ) from error
    return dict(zip(batch, parsed, strict=True))


def _ask(
    java: Java, verb: str, cases: Sequence[SpiceCase], tuples: Mapping[str, Tuples]
) -> list[Any]:
    numbers: dict[str, int] = {}
    for case in cases:
        for sentence in _sentences(case):
            numbers.setdefault(sentence, len(numbers))
    found: list[Any] = java.ask(
        verb,
        tuples=[tuples[sentence] for sentence in numbers],
        cases=[
            (numbers[case.sentence], [numbers[reference] for reference in case.references])
            for case in cases
        ],
    )
    return found
